package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What docs/security.md says of attempts by messages. Each test fails if the defence that its row names is taken away.

// TestEnvelopesThatTwoReadersReadDifferently: what another reader of the same message may take for something else is never
// handled as what we take it for.
func TestEnvelopesThatTwoReadersReadDifferently(t *testing.T) {
	ran := 0
	h := &handler{echo: func(_ context.Context, p *echoParams) (*echoResult, error) { ran++; return &echoResult{p.Text}, nil }}
	o := start(t, h)
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"Method":"echo","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"METHOD":"echo","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method\u0000":"echo","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ECHO","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo\u0000","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo ","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","method":"echo","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"},"params":{"text":"y"}}`,
		`{"jsonrpc":"2.0","id":1,"id":2,"method":"echo","params":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x","text":"y"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x","te\u0078t":"y"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"Text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text\u0000":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","param\u017f":{"text":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}{"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"},"result":{}}`,
		"\xef\xbb\xbf" + `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}`,
	} {
		_ = o.receive(text)
		require.Contains(t, o.next(t), `"error":`, text)
	}
	require.Zero(t, ran)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"Method":"nothing","method":"echo","params":{"Text":"no","text":"x"}}`))
	o.expect(`{"jsonrpc":"2.0","id":1,"result":{"text":"x"}}`) // what is unknown does not count
}

// TestResponsesThatNobodyAskedFor: one to no request, and a second one, reach nobody.
func TestResponsesThatNobodyAskedFor(t *testing.T) {
	o := start(t, nil)
	got := make(chan string, 1)
	go func() {
		var raw wire.Raw
		err := o.Call(t.Context(), "ask", nil, &raw)
		got <- fmt.Sprint(raw, err)
	}()
	o.expect(`{"jsonrpc":"2.0","id":1,"method":"ask"}`)
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":2,"result":{}}`, `{"jsonrpc":"2.0","id":0,"result":{}}`, `{"jsonrpc":"2.0","id":-1,"result":{}}`,
		`{"jsonrpc":"2.0","id":"1","result":{}}`, `{"jsonrpc":"2.0","id":"ask","error":{"code":1,"message":"m"}}`,
		`{"jsonrpc":"2.0","id":99999999999999999999,"result":{}}`,
	} {
		require.Error(t, o.receive(text), text)
	}
	require.Equal(t, 1, o.Stats().Pending)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{"first":true}}`))
	require.Error(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{"second":true}}`))
	require.Equal(t, `{"first":true} <nil>`, <-got)
	o.quiet(t)
}

// TestFloods: a peer that sends faster than we can handle it costs as much as the limits say, and what is over is refused
// or dropped. Its pings are answered all the same once it slows down.
func TestFloods(t *testing.T) {
	const most = 16
	release := make(chan struct{})
	var running, peak atomic.Int64
	wait := func() {
		peak.Store(max(peak.Load(), running.Add(1)))
		<-release
		running.Add(-1)
	}
	h := &handler{
		echo:  func(context.Context, *echoParams) (*echoResult, error) { wait(); return &echoResult{}, nil },
		noted: func(context.Context, *echoParams) error { <-release; return nil },
		open:  func(context.Context) error { wait(); return nil },
	}
	o := start(t, h, func(c *rpc.Config) { c.Limits = rpc.Limits{InFlight: most, Notifications: most} })
	o.wiretap.end = make(chan error, 4096)
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	refused, dropped := 0, 0
	for i := range 1000 {
		if o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":"e%d","method":"echo","params":{"text":"x"}}`, i)) != nil {
			refused++
		}
		if o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"x"}}`) != nil {
			dropped++
		}
		if o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":"i%d","method":"initialize","params":{}}`, i)) != nil {
			refused++
		}
	}
	require.Equal(t, 2000-most, refused)
	require.GreaterOrEqual(t, dropped, 1000-most-1)
	require.Equal(t, most, o.Stats().InFlight)
	require.LessOrEqual(t, peak.Load(), int64(most))
	for range refused {
		require.Contains(t, o.next(t), `"code":-32010`)
	}
	free()
	for range most {
		require.Contains(t, o.next(t), `"result"`)
	}
	require.Eventually(t, func() bool { return o.Stats().InFlight == 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, o.receive(ping(1)))
	o.expect(pong(1))
}

// messageKinds is one message of each kind, of more than 512 bytes.
func messageKinds() map[string]string {
	pad := strings.Repeat("päd\\u00e4", 150)
	return map[string]string{
		"request":      `{"jsonrpc":"2.0","id":7,"method":"echo","params":{"text":"` + pad + `"}}`,
		"notification": `{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"` + pad + `"}}`,
		"result":       `{"jsonrpc":"2.0","id":1,"result":{"text":"` + pad + `"}}`,
		"error":        `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"` + pad + `","data":{"x":[1,2,3]}}}`,
		"cancellation": `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,"reason":"` + pad + `"}}`,
		"progress":     `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"` + pad + `"}}`,
		"initialize":   `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"x":"` + pad + `"}}`,
		"batch":        `[{"jsonrpc":"2.0","id":8,"method":"echo","params":{"text":"` + pad + `"}},{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"x"}}]`,
	}
}

// offsets gives all up to 512, 200 random ones, and the length itself.
func offsets(text string) []int {
	var all []int
	for i := range min(513, len(text)) {
		all = append(all, i)
	}
	for range 200 {
		all = append(all, rand.IntN(len(text)))
	}
	return append(all, len(text))
}

// TestDisconnectAtEveryOffset: whatever part of a message has come when the peer goes away, the session ends, the call that
// waits for an answer fails, and nothing is handled but what came whole.
func TestDisconnectAtEveryOffset(t *testing.T) {
	for kind, text := range messageKinds() {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, n := range offsets(text) {
					var handled atomic.Int64
					h := &handler{
						echo: func(_ context.Context, p *echoParams) (*echoResult, error) {
							handled.Add(1)
							return &echoResult{p.Text}, nil
						},
						noted: func(context.Context, *echoParams) error { handled.Add(1); return nil },
						open:  func(context.Context) error { handled.Add(1); return nil },
					}
					ours, theirs := net.Pipe()
					conn := rpc.NewLineConn(ours, ours, rpc.LineLimits{})
					s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, h), Logger: new(logs).logger()})
					s.Attach(rpc.Link{Stream: conn, Transport: "test"})
					s.SetPeer(rpc.BatchVersion, nil)
					ended := make(chan error, 1)
					go func() { ended <- conn.Run(context.Background(), s) }()
					called := make(chan error, 1)
					go func() { called <- s.Call(context.Background(), "ask", nil, nil) }()
					go func() { _, _ = io.Copy(io.Discard, theirs) }()
					synctest.Wait()
					_, err := io.WriteString(theirs, text[:n])
					require.NoError(t, err)
					synctest.Wait()
					require.NoError(t, theirs.Close())
					err = <-called
					if n < len(text) || kind != "result" {
						require.Error(t, err, "offset %d", n)
					}
					<-ended
					require.Error(t, s.Err())
					if n < len(text) {
						require.Zero(t, handled.Load(), "offset %d", n)
					}
					require.NoError(t, ours.Close())
				}
			})
		})
	}
}

// TestPeerThatSendsTheStartOfAMessageOnly keeps nobody: another session's calls go on, and the end is in our hands.
func TestPeerThatSendsTheStartOfAMessageOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		conn := rpc.NewLineConn(ours, ours, rpc.LineLimits{})
		s := rpc.NewSession(rpc.Config{Logger: new(logs).logger()})
		s.Attach(rpc.Link{Stream: conn, Transport: "test"})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- conn.Run(ctx, s) }()
		_, err := io.WriteString(theirs, `{"jsonrpc":"2.0","id":1,`)
		require.NoError(t, err)
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.True(t, errors.Is(s.Err(), context.Canceled))
		require.NoError(t, theirs.Close())
	})
}
