package clientauth

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/server"
)

// stoppable is the handler of a transport.
type stoppable interface {
	http.Handler
	Shutdown(ctx context.Context) error
}

func greeter() *server.Server {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Say hi.", func(_ context.Context, in struct{ Name string }) (string, error) { return "hello, " + in.Name, nil })
	return s
}

func greet(t *testing.T, c *client.Client) {
	t.Helper()
	text, err := client.CallTool[string](t.Context(), c, "greet", map[string]string{"Name": "Ada"})
	require.NoError(t, err)
	require.Equal(t, "hello, Ada", text)
}

// TestTransports has a session over each transport. Where every message has a token, tokens are refused in the middle of it.
func TestTransports(t *testing.T) {
	for name, c := range map[string]struct {
		handler  func(s *server.Server) stoppable
		dial     func(t *testing.T, url string, web *http.Client) (*client.Client, error)
		messages bool
	}{
		"streamhttp": {func(s *server.Server) stoppable { return streamhttp.Handler(s) }, func(t *testing.T, url string, web *http.Client) (*client.Client, error) {
			return client.Dial(t.Context(), client.Info("me", "1.0.0"), streamhttp.Connect(url, streamhttp.WithClient(web)))
		}, true},
		"legacysse": {func(s *server.Server) stoppable { return legacysse.Handler(s) }, func(t *testing.T, url string, web *http.Client) (*client.Client, error) {
			return client.Dial(t.Context(), client.Info("me", "1.0.0"), legacysse.Connect(url, legacysse.WithClient(web)))
		}, true},
		"websocket": {func(s *server.Server) stoppable { return websocket.Handler(s) }, func(t *testing.T, url string, web *http.Client) (*client.Client, error) {
			return client.Dial(t.Context(), client.Info("me", "1.0.0"), websocket.Connect(strings.Replace(url, "http", "ws", 1), websocket.WithClient(web)))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			handler := c.handler(greeter())
			w.resource.handle = handler.ServeHTTP
			a := w.authorizer(Browser(browse(t, nil)))
			session, err := c.dial(t, w.resource.url(), a.Client())
			require.NoError(t, err)
			greet(t, session)
			authorizations := 1
			if c.messages {
				w.issuer.revoke(false)
				greet(t, session)
				w.issuer.revoke(true)
				greet(t, session)
				authorizations++
			}
			require.NoError(t, session.Close())
			require.NoError(t, handler.Shutdown(context.Background()))
			require.Equal(t, authorizations, w.issuer.count("GET /authorize"))
			for _, secret := range w.secrets() {
				require.NotContains(t, w.trace.String(), secret)
			}
		})
	}
}

// TestDialThatIsRefused says why in the error of the dial.
func TestDialThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.issuer.metadata = func(m map[string]any) { delete(m, "code_challenge_methods_supported") }
	a := w.authorizer(nil)
	_, err := client.Dial(t.Context(), client.Info("me", "1.0.0"), streamhttp.Connect(w.resource.url(), streamhttp.WithClient(a.Client())))
	require.ErrorIs(t, err, ErrNoPKCE)
	require.Contains(t, err.Error(), "clientauth: authorization request at "+w.issuer.id())
}
