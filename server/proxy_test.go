package server

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// echoing is a server that shows what reached it.
func echoing(seen chan<- string) rpc.Acceptor {
	show := func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			seen <- m.Method + " " + m.Raw().String()
			switch m.Method {
			case "initialize":
				return wire.MustRaw(`{"protocolVersion":"2025-06-18","capabilities":{"x-own":{}},"serverInfo":{"name":"up","version":"1"}, "z":1.0}`), nil
			case "fail":
				return nil, &rpc.Error{Code: -7, Message: "no", Data: wire.MustRaw(`{"a":[1]}`)}
			case "ask":
				var answer wire.Raw
				err := m.Session().Call(ctx, "roots/list", wire.MustRaw(`{"x":1}`), &answer)
				return answer, err
			case "wait":
				<-ctx.Done()
				seen <- "cancelled"
				return nil, ctx.Err()
			case "progress":
				token, _ := tokenOf(m.Raw())
				for _, n := range []string{"1", "2"} {
					_ = m.Session().Notify(ctx, mcp.MethodProgress, wire.MustRaw(`{"progress":`+n+`,"progressToken":`+token.String()+`,"own":"x"}`))
				}
			}
			return wire.MustRaw(`{"n":1.0,"b":[ 1 ],"a":12345678901234567890}`), nil
		}
	}
	return rpc.NewAcceptor(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, show)}, versions...)
}

func TestAProxyForwardsEverythingAsItIs(t *testing.T) {
	seen := make(chan string, 10)
	proxy := NewProxy(pipe.To(echoing(seen), pipe.Limits{}))
	require.Equal(t, versions, proxy.Versions())
	var progress []string
	p := open(t, proxy, clientSide{incoming: []rpc.Interceptor{func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Kind == rpc.KindNotification {
				progress = append(progress, m.Raw().String())
				return nil, nil
			}
			return wire.MustRaw(`{"roots":[],"got":` + m.Raw().String() + `}`), nil
		}
	}}})
	call := func(method, params string) string {
		var result wire.Raw
		require.NoError(t, p.session.Call(t.Context(), method, wire.MustRaw(params), &result), method)
		return result.String()
	}
	const params = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"},"own":1.0}`
	require.Equal(t, `{"protocolVersion":"2025-06-18","capabilities":{"x-own":{}},"serverInfo":{"name":"up","version":"1"}, "z":1.0}`, call("initialize", params))
	require.Equal(t, "initialize "+params, <-seen)
	require.NoError(t, p.Initialized(t.Context(), nil))
	require.Equal(t, "notifications/initialized ", <-seen)

	require.Equal(t, `{"n":1.0,"b":[ 1 ],"a":12345678901234567890}`, call("anything", `{"b":1.0, "a":"\u00e9"}`))
	require.Equal(t, `anything {"b":1.0, "a":"\u00e9"}`, <-seen)

	err := p.session.Call(t.Context(), "fail", nil, nil)
	require.Equal(t, "fail ", <-seen)
	require.EqualValues(t, -7, rpc.CodeOf(err))
	require.ErrorContains(t, err, "no (code -7)")

	require.Equal(t, `{"roots":[],"got":{"x":1}}`, call("ask", `{}`))
	<-seen

	// Progress arrives under the client's own token, and before the result.
	var reports []float64
	ctx := rpc.WithProgress(t.Context(), func(p rpc.Progress) {
		reports = append(reports, p.Progress)
		require.Contains(t, p.Params.String(), `"own":"x"`)
	})
	require.NoError(t, p.session.Call(ctx, "progress", nil, nil))
	<-seen
	require.Equal(t, []float64{1, 2}, reports)
	require.Empty(t, progress)

	// Cancelling ends it upstream.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.session.Call(ctx, "wait", nil, nil) }()
	require.Equal(t, "wait ", <-seen)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, "cancelled", <-seen)
}

func TestAProxyToNowhere(t *testing.T) {
	proxy := NewProxy(broken{}, ProxyConnectTime(-1))
	_, err := proxy.NewSession(t.Context(), rpc.Link{})
	require.EqualError(t, err, "server.Proxy: the upstream server cannot be reached: no such thing")
	_, err = proxy.NewSession(t.Context(), rpc.Link{Stateless: true})
	require.ErrorContains(t, err, "stateless mode")
}

type broken struct{}

func (broken) Connect(context.Context, *rpc.Session) (rpc.Conn, error) {
	return nil, errors.New("no such thing")
}
