package serverauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/server"
)

// transport is one over HTTP: its handler, and how a client connects with a token.
type transport struct {
	handler func(t *testing.T, s *server.Server) http.Handler
	connect func(url, token string) rpc.Transport
}

var transports = map[string]transport{
	"streamhttp": {
		func(t *testing.T, s *server.Server) http.Handler { return closing(t, streamhttp.Handler(s)) },
		func(url, token string) rpc.Transport {
			return streamhttp.Connect(url, streamhttp.WithHeader("Authorization", "Bearer "+token))
		},
	},
	"legacysse": {
		func(t *testing.T, s *server.Server) http.Handler { return closing(t, legacysse.Handler(s)) },
		func(url, token string) rpc.Transport {
			return legacysse.Connect(url, legacysse.WithHeader("Authorization", "Bearer "+token))
		},
	},
	"websocket": {
		func(t *testing.T, s *server.Server) http.Handler { return closing(t, websocket.Handler(s)) },
		func(url, token string) rpc.Transport {
			return websocket.Connect("ws"+url[len("http"):], websocket.WithHeader("Authorization", "Bearer "+token))
		},
	},
}

// closing shuts a handler down when the test ends.
func closing[H interface {
	http.Handler
	Shutdown(ctx context.Context) error
}](t *testing.T, h H) H {
	t.Cleanup(func() { _ = h.Shutdown(context.WithoutCancel(t.Context())) })
	return h
}

func TestAllTransportsOverHTTP(t *testing.T) {
	for name, tr := range transports {
		t.Run(name, func(t *testing.T) {
			s := server.New("v", "1")
			server.AddTool(s, "who", "", func(ctx context.Context, _ struct{}) (string, error) {
				require.Empty(t, server.CallFrom(ctx).Header()["Authorization"])
				return IdentityFrom(ctx).Subject, nil
			})
			server.AddTool(s, "rm", "", func(context.Context, struct{}) (string, error) { return "gone", nil }, server.Scopes("files:write"))
			v := APIKeys(APIKey{Name: "ada", Key: "key-of-ada-000000", Scopes: []string{"a"}}, APIKey{Name: "eve", Key: "key-of-eve-000000"})
			secret("key-of-ada-000000")
			web := httptest.NewServer(Require(v, Resource(resourceURL), "a")(tr.handler(t, s)))
			t.Cleanup(web.Close)
			dial := func(token string) (*client.Client, error) {
				return client.Dial(t.Context(), client.Info("me", "1"), tr.connect(web.URL+"/mcp", token))
			}
			c, err := dial("key-of-ada-000000")
			require.NoError(t, err)
			defer func() { require.NoError(t, c.Close()) }()
			who, err := client.CallTool[string](t.Context(), c, "who", nil)
			require.NoError(t, err)
			require.Equal(t, "ada", who)
			_, err = client.CallTool[string](t.Context(), c, "rm", nil)
			require.ErrorContains(t, err, `takes the scopes "files:write"`)
			require.Equal(t, rpc.CodeForbidden, rpc.CodeOf(err))
			e, ok := errors.AsType[*rpc.Error](err)
			require.True(t, ok)
			require.JSONEq(t, `{"scopes":["files:write"]}`, e.Data.String())
			for _, token := range []string{"key-of-nobody-0000", "key-of-eve-000000"} {
				_, err = dial(token)
				require.Error(t, err)
				require.Empty(t, leaks(err.Error()))
			}
		})
	}
}

// brief is a verifier of a credential that expires soon.
func brief() Verifier {
	expires := time.Now().Add(300 * time.Millisecond)
	return VerifierFunc(func(context.Context, Credential) (Identity, error) {
		return Identity{Issuer: "x:", Subject: "ada", Expires: expires}, nil
	})
}

func TestConnectionsThatAreSessionsEndWithTheirCredential(t *testing.T) {
	for _, name := range []string{"legacysse", "websocket"} {
		t.Run(name, func(t *testing.T) {
			s := server.New("v", "1")
			web := httptest.NewServer(Require(brief(), Resource(resourceURL))(transports[name].handler(t, s)))
			t.Cleanup(web.Close)
			c, err := client.Dial(t.Context(), client.Info("me", "1"), transports[name].connect(web.URL+"/mcp", "x"), client.WithoutReconnect())
			require.NoError(t, err)
			for session := range s.Sessions() {
				<-session.Done()
			}
			_ = c.Close() // it is gone already
		})
	}
}

func TestEventStreamsEndWithTheirCredential(t *testing.T) {
	h := closing(t, streamhttp.Handler(server.New("v", "1")))
	web := httptest.NewUnstartedServer(nil)
	web.Config.Handler = Require(brief(), Resource(resourceURL))(h)
	web.Start()
	t.Cleanup(web.Close)
	s := &served{web.URL, "/mcp", web.Client()}
	_, header, _ := s.do(t, http.MethodPost, "x", "", initialize)
	status, _, body := s.do(t, http.MethodGet, "x", header.Get("Mcp-Session-Id"), "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "retry:", "the stream began, and has ended")
	require.Equal(t, 1, h.Stats().Sessions, "the session goes on")
}
