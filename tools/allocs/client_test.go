package allocs

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// TestClientCallTool is a call by the client, to a transport that has the answer at hand: the server is not counted.
func TestClientCallTool(t *testing.T) {
	c, err := client.Dial(t.Context(), client.Info("c", "1"), canned{})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	in := greeting{Name: "Ada"}
	atMost(t, many, boundClientCallTool, func() {
		if text, err := client.CallTool[string](context.Background(), c, "greet", in); err != nil || text != "hello, Ada" {
			panic(text)
		}
	})
}

// canned is a transport to a server that says the same to all.
type canned struct{}

func (canned) Connect(_ context.Context, s *rpc.Session) (rpc.Conn, error) {
	l := &line{session: s}
	s.Attach(rpc.Link{Stream: l})
	return l, nil
}

type line struct {
	session *rpc.Session
	out, in []byte
}

func (l *line) Send(ctx context.Context, m *rpc.Message) error {
	l.out = m.AppendJSON(l.out[:0])
	if bytes.Contains(l.out, []byte(`"notifications/`)) {
		return nil
	}
	_, rest, _ := bytes.Cut(l.out, []byte(`"id":`))
	id, _, _ := bytes.Cut(rest, []byte(","))
	l.in = append(append(l.in[:0], `{"jsonrpc":"2.0","id":`...), id...)
	if bytes.Contains(l.out, []byte(`"initialize"`)) {
		l.in = append(l.in, `,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}`...)
	} else {
		l.in = append(append(l.in, `,"result":`+callResult...), '}')
	}
	return l.session.Receive(ctx, l.in, nil)
}

func (l *line) Close() error {
	l.session.Close(nil)
	return nil
}
