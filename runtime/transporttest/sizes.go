package transporttest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// RunSizes tests the limit for the size of a message of both ends: what has exactly as many bytes passes, one more is
// refused with an error that says so, and the session goes on. open gives a transport to a server, as for [Run], with a
// limit for each end, the default if it is 0 and none if it is negative.
func RunSizes(t *testing.T, open func(t *testing.T, client, server int) rpc.Transport) {
	runSizes(t, open, goesOn)
}

// RunSizesThatEnd is RunSizes for transports on which a message that is too large ends the session of who receives it.
func RunSizesThatEnd(t *testing.T, open func(t *testing.T, client, server int) rpc.Transport) {
	runSizes(t, open, func(t *testing.T, p *peer) {
		t.Helper()
		select {
		case <-p.Done():
		case <-bounded(t).Done():
			require.FailNow(t, "the session did not end")
		}
	})
}

func runSizes(t *testing.T, open func(t *testing.T, client, server int) rpc.Transport, received func(*testing.T, *peer)) {
	if testing.Short() {
		t.Skip("megabytes take long under the race detector: the full run has them")
	}
	for _, test := range []struct {
		name           string
		client, server int
		most           int
		run            func(t *testing.T, p *peer, most int)
		then           func(*testing.T, *peer)
	}{
		{"what the client sends, and the server refuses", -1, 0, largest, requestOf, received},
		{"what the server sends, and the client refuses", 0, -1, largest, resultOf, received},
		{"what the client refuses to send", 10_000, -1, 10_000, requestOf, goesOn},
		{"what the server refuses to send", -1, 10_000, 10_000, resultOf, goesOn},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) })
			p := connect(t, open(t, test.client, test.server))
			test.run(t, p, test.most)
			test.then(t, p)
		})
	}
}

// exactly makes params or a result with which a message has n bytes. made gives the message with others.
func exactly(n int, made func(wire.Appender) *rpc.Message) wire.Raw {
	around := len(made(wire.MustRaw(`{"x":""}`)).AppendJSON(nil))
	return wire.MustRaw(`{"x":"` + strings.Repeat("x", n-around) + `"}`)
}

// firstCall is the id of the first call after initialize.
const firstCall = 2

// requestOf sends a request that has exactly as many bytes as may be, and one with one more.
func requestOf(t *testing.T, p *peer, most int) {
	for more, id := range []int64{firstCall, firstCall + 1} {
		params := exactly(most+more, func(v wire.Appender) *rpc.Message { return rpc.NewRequest(wire.IntID(id), methodLength, v) })
		var raw wire.Raw
		err := p.Call(bounded(t), methodLength, params, &raw)
		if more == 0 {
			require.NoError(t, err)
			require.EqualValues(t, len(params.Bytes()), number(raw, "n"))
		} else {
			requireTooLarge(t, err)
		}
	}
}

func requireTooLarge(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.Regexp(t, "too large|larger than [0-9]+ bytes|code 1009", err.Error())
}

// resultOf has the server answer with exactly as many bytes as may be, and with one more.
func resultOf(t *testing.T, p *peer, most int) {
	var raw wire.Raw
	require.NoError(t, p.Call(bounded(t), methodSized, numbers{"n": int64(most)}.raw(), &raw))
	require.Greater(t, len(raw.Bytes()), most-100)
	err := p.Call(bounded(t), methodSized, numbers{"n": int64(most + 1)}.raw(), &raw)
	requireTooLarge(t, err)
}

func goesOn(t *testing.T, p *peer) {
	_, err := p.echo(bounded(t), wire.MustRaw(`{}`))
	require.NoError(t, err, "the session goes on")
	require.NoError(t, p.Call(bounded(t), methodAsk, wire.MustRaw(`{}`), nil))
}
