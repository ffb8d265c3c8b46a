package streamhttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// mock is a server for tests of the client: it opens sessions, takes notifications, offers no stream, and leaves the rest
// to a function.
type mock struct {
	*testing.T
	serve   func(w http.ResponseWriter, r *http.Request, m *rpc.Message) // nil m: a GET
	version string
	client  *http.Client

	mu   sync.Mutex
	seen []seen
}

// seen is a request that came.
type seen struct {
	at     time.Time
	method string
	header http.Header
	body   string
}

// withMock runs a test with a mock, in a bubble.
func withMock(t *testing.T, test func(t *testing.T, m *mock)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &mock{T: t, version: newest}
		l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: m, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(l)
		}()
		m.client = &http.Client{Transport: &http.Transport{DialContext: l.dial}}
		t.Cleanup(func() {
			m.client.CloseIdleConnections()
			_ = server.Close()
			<-served
		})
		test(t, m)
	})
}

func (m *mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	m.seen = append(m.seen, seen{time.Now(), r.Method, r.Header, string(body)})
	m.mu.Unlock()
	switch r.Method {
	case http.MethodPost:
		msg, _ := rpc.Parse(body, wire.Options{})
		switch {
		case rpc.IsInitialize(msg):
			w.Header().Set("Mcp-Session-Id", "s1")
			answerJSON(w, result(1, `{}`))
		case msg.Kind == rpc.KindRequest && m.serve != nil:
			m.serve(w, r, msg)
		default:
			w.WriteHeader(http.StatusOK) // not 202: any 2xx will do
		}
	case http.MethodGet:
		if m.serve == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		m.serve(w, r, nil)
	case http.MethodDelete:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func answerJSON(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, text)
}

func sse(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	_, _ = io.WriteString(w, text)
	w.(http.Flusher).Flush()
}

// of gives the requests that came with a method.
func (m *mock) of(method string) []seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []seen
	for _, s := range m.seen {
		if s.method == method {
			out = append(out, s)
		}
	}
	return out
}

// connect connects a session and opens it.
func (m *mock) connect(opts ...streamhttp.ConnectOption) (*rpc.Session, rpc.Conn) {
	m.Helper()
	s := rpc.NewSession(rpc.Config{Logger: slog.New(slog.DiscardHandler), Dispatch: rpc.NewDispatch(nil, nil,
		func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, msg *rpc.Message) (wire.Appender, error) {
				if msg.Method == "question" {
					return msg.Raw(), nil
				}
				return next(ctx, msg)
			}
		})})
	opts = append([]streamhttp.ConnectOption{streamhttp.WithClient(m.client)}, opts...)
	conn, err := streamhttp.Connect("http://server.example/mcp", opts...).Connect(m.Context(), s)
	require.NoError(m, err)
	m.Cleanup(func() { _ = conn.Close() })
	require.NoError(m, s.Call(m.Context(), "initialize", wire.MustRaw(`{}`), nil))
	s.SetPeer(m.version, nil)
	require.NoError(m, s.Notify(m.Context(), "notifications/initialized", nil))
	return s, conn
}

func TestClientSendsWhatTheSpecificationSays(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		s, conn := m.connect(streamhttp.WithHeader("X-Key", "k"))
		require.Equal(t, "s1", s.Link().ID)
		synctest.Wait()
		posts, gets := m.of(http.MethodPost), m.of(http.MethodGet)
		require.Len(t, posts, 2)
		require.Len(t, gets, 1)
		for _, p := range posts {
			require.Equal(t, "application/json, text/event-stream", p.header.Get("Accept"))
			require.Equal(t, "application/json", p.header.Get("Content-Type"))
			require.Equal(t, "k", p.header.Get("X-Key"))
		}
		require.Empty(t, posts[0].header.Values("Mcp-Session-Id"))
		require.Empty(t, posts[0].header.Values("Mcp-Protocol-Version"), "there is none yet")
		for _, r := range []seen{posts[1], gets[0]} {
			require.Equal(t, "s1", r.header.Get("Mcp-Session-Id"))
			require.Equal(t, newest, r.header.Get("Mcp-Protocol-Version"))
		}
		require.Equal(t, "text/event-stream", gets[0].header.Get("Accept"))
		require.NoError(t, conn.Close(), "though DELETE fails")
		deletes := m.of(http.MethodDelete)
		require.Len(t, deletes, 1)
		require.Equal(t, "s1", deletes[0].header.Get("Mcp-Session-Id"))
	})
}

func TestWithoutListening(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.connect(streamhttp.WithoutListening())
		time.Sleep(time.Minute)
		require.Empty(t, m.of(http.MethodGet))
	})
}

func TestRefusalsAreErrorsWithTheStatus(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.serve = func(w http.ResponseWriter, _ *http.Request, msg *rpc.Message) {
			if msg == nil {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			switch msg.Method {
			case "plain":
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "who are you?", http.StatusUnauthorized)
			case "rpc":
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"jsonrpc":"2.0","error":{"code":-32601,"message":"no such thing","data":1}}`)
			case "html":
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<p>Hello")
			case "empty":
				answerJSON(w, `{"jsonrpc":"2.0","id":99,"result":{}}`)
			case "huge":
				answerJSON(w, result(5, `{"x":"`+strings.Repeat("x", 1000)+`"}`))
			case "hugeEvent":
				sse(w, "data: "+result(6, `{"x":"`+strings.Repeat("x", 1000)+`"}`)+"\n\n")
			}
		}
		s, _ := m.connect(streamhttp.WithClientLimits(streamhttp.ClientLimits{Message: 1000}))
		call := func(method string) error { return s.Call(t.Context(), method, nil, nil) }
		err := call("plain") // id 2
		var h *streamhttp.HTTPError
		require.ErrorAs(t, err, &h)
		require.Equal(t, http.StatusUnauthorized, h.Status)
		require.Equal(t, "Bearer", h.Header.Get("WWW-Authenticate"))
		require.EqualError(t, err, "plain: POST: HTTP status 401 Unauthorized: who are you? (code -32603)")
		err = call("rpc")
		require.EqualError(t, err, "rpc: no such thing (code -32601)")
		require.ErrorAs(t, err, &h)
		require.Equal(t, http.StatusBadRequest, h.Status)
		require.EqualError(t, call("html"), `html: the server answered a request with status 200 OK and content of type "text/html", `+
			`expected application/json or text/event-stream (code -32603)`)
		require.ErrorIs(t, call("huge"), rpc.ErrTooLarge)
		require.ErrorIs(t, call("hugeEvent"), rpc.ErrTooLarge)
		require.ErrorContains(t, call("empty"), "the server's answer ended without a response")
		require.ErrorIs(t, s.Call(t.Context(), "x", rawString(strings.Repeat("x", 1000)), nil), rpc.ErrTooLarge)
	})
}

func TestClientTakesBatchesOfTheVersionThatHasThem(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.version = oldest
		m.serve = func(w http.ResponseWriter, _ *http.Request, msg *rpc.Message) {
			if msg == nil {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			answerJSON(w, fmt.Sprintf(`[{"jsonrpc":"2.0","method":"note"},{"jsonrpc":"2.0","id":%s,"result":{}}]`, msg.ID))
		}
		s, _ := m.connect()
		require.NoError(t, s.Call(t.Context(), "x", nil, nil))
	})
}

func TestCancelledCallEndsItsExchange(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		gone := make(chan struct{})
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			if msg == nil {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			<-r.Context().Done()
			close(gone)
		}
		s, _ := m.connect()
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Call(ctx, "x", nil, nil) }()
		synctest.Wait()
		cancel(errors.New("enough"))
		require.ErrorIs(t, <-done, context.Canceled)
		<-gone
		posts := m.of(http.MethodPost)
		require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2,"reason":"enough"}}`, posts[len(posts)-1].body)
	})
}

func TestConnectRefusesOtherURLs(t *testing.T) {
	for url, want := range map[string]string{
		"ftp://x":   `streamhttp: the URL "ftp://x" is not of the form http://host/path or https://host/path`,
		"/mcp":      `streamhttp: the URL "/mcp" is not of the form http://host/path or https://host/path`,
		"http://\n": `streamhttp: parse "http://\n": net/url: invalid control character in URL`,
	} {
		s := rpc.NewSession(rpc.Config{})
		_, err := streamhttp.Connect(url).Connect(t.Context(), s)
		require.EqualError(t, err, want)
		s.Close(nil)
	}
}

func TestSessionIDMustBeVisibleASCII(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpc.NewSession(rpc.Config{})
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Request: r, Body: io.NopCloser(strings.NewReader(result(1, `{}`))),
				Header: http.Header{"Content-Type": {"application/json"}, "Mcp-Session-Id": {"a b"}}}, nil
		})}
		conn, err := streamhttp.Connect("http://x", streamhttp.WithClient(client)).Connect(t.Context(), s)
		require.NoError(t, err)
		require.ErrorContains(t, s.Call(t.Context(), "initialize", nil, nil), `the server's session id "a b" has other than visible ASCII characters`)
		require.NoError(t, conn.Close())
	})
}

type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCloseIsBounded(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.serve = func(_ http.ResponseWriter, r *http.Request, _ *rpc.Message) { <-r.Context().Done() }
		s, conn := m.connect(streamhttp.WithoutListening())
		go func() { _ = s.Call(t.Context(), "x", nil, nil) }()
		synctest.Wait()
		m.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { // from now on nothing is answered
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		require.Equal(t, 2*time.Second, elapsed(func() { require.NoError(t, conn.Close()) }))
	})
}

func TestOwnClientFollowsNoRedirectElsewhere(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	var mux http.ServeMux
	server := httptest.NewServer(&mux)
	defer server.Close()
	mux.Handle("/away", http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	mux.Handle("/see", http.RedirectHandler("/there", http.StatusSeeOther))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusPermanentRedirect))
	mux.Handle("/moved", http.RedirectHandler("/there", http.StatusPermanentRedirect))
	mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) { answerJSON(w, result(1, `{}`)) })
	for path, want := range map[string]string{
		"/away":  "a redirect to POST " + elsewhere.URL + " was not followed",
		"/see":   "a redirect to GET " + server.URL + "/there was not followed",
		"/loop":  "too many redirects",
		"/moved": "",
	} {
		s := rpc.NewSession(rpc.Config{})
		conn, err := streamhttp.Connect(server.URL+path).Connect(t.Context(), s)
		require.NoError(t, err)
		if err := s.Call(t.Context(), "initialize", nil, nil); want == "" {
			require.NoError(t, err, path)
		} else {
			require.ErrorContains(t, err, want)
		}
		require.NoError(t, conn.Close())
	}
}
