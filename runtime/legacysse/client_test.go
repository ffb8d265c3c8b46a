package legacysse_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// mock is a server as a client's transport sees it: a script for the stream, and what becomes of POSTs.
type mock struct {
	status int    // of the GET; 0: 200
	media  string // "": an event stream
	stream io.Reader
	post   func(r *http.Request, body string) (*http.Response, error)

	mu    sync.Mutex
	posts []string // "URL body"
	gets  []*http.Request
}

func (m *mock) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		m.mu.Lock()
		m.gets = append(m.gets, r)
		m.mu.Unlock()
		media, status := m.media, m.status
		if media == "" {
			media = "text/event-stream"
		}
		if status == 0 {
			status = http.StatusOK
		}
		return answer(r, status, media, m.stream), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.posts = append(m.posts, r.URL.String()+" "+string(body))
	m.mu.Unlock()
	if m.post != nil {
		return m.post(r, string(body))
	}
	return answer(r, http.StatusAccepted, "", strings.NewReader("")), nil
}

func (m *mock) sent() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.posts...)
}

func answer(r *http.Request, status int, media string, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {media}},
		Body: &bodyOf{body, r.Context()}, Request: r, ContentLength: -1,
	}
}

// bodyOf ends with its request.
type bodyOf struct {
	io.Reader
	ctx context.Context
}

func (b *bodyOf) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, b.ctx.Err()
	}
	return b.Reader.Read(p)
}

func (b *bodyOf) Close() error {
	if c, ok := b.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (m *mock) connect(ctx context.Context, at string, opts ...legacysse.ConnectOption) (*rpc.Session, rpc.Conn, error) {
	s := rpc.NewSession(rpc.Config{Logger: slog.New(slog.DiscardHandler)})
	opts = append([]legacysse.ConnectOption{legacysse.WithClient(&http.Client{Transport: m})}, opts...)
	conn, err := legacysse.Connect(at, opts...).Connect(ctx, s)
	return s, conn, err
}

// scripted is a stream to which the test adds.
func scripted(first string) (*mock, *io.PipeWriter) {
	r, w := io.Pipe()
	return &mock{stream: io.MultiReader(strings.NewReader(first), r)}, w
}

const here = "https://ada:pw@mcp.example/a/sse?key=1"

func TestTheEndpointIsOfTheSameOrigin(t *testing.T) {
	for endpoint, want := range map[string]string{
		"?sessionId=1":                     "https://ada:pw@mcp.example/a/sse?sessionId=1",
		"/messages?s=1":                    "https://ada:pw@mcp.example/messages?s=1",
		"messages":                         "https://ada:pw@mcp.example/a/messages",
		"https://mcp.example/m":            "https://ada:pw@mcp.example/m",
		"https://MCP.example:443/m#x":      "https://ada:pw@MCP.example:443/m",
		"https://eve:other@mcp.example/m":  "https://ada:pw@mcp.example/m",
		"//mcp.example/m":                  "https://ada:pw@mcp.example/m",
		"https://evil.example/m":           "",
		"//evil.example/m":                 "",
		"http://mcp.example/m":             "",
		"https://mcp.example:8443/m":       "",
		"https://mcp.example.evil.example": "",
		"https://mcp.example@evil.example": "",
		"file:///etc/passwd":               "",
		"javascript:alert(1)":              "",
		"mailto:x@mcp.example":             "",
		"http://[::1":                      "",
		"/" + strings.Repeat("x", 9000):    "",
	} {
		m, end := scripted("event: endpoint\ndata: " + endpoint + "\n\n")
		s, conn, err := m.connect(t.Context(), here)
		if want == "" {
			require.ErrorContains(t, err, "legacysse: the server does not speak HTTP+SSE of protocol version 2024-11-05: ", endpoint)
			require.NotContains(t, err.Error(), "pw")
			continue
		}
		require.NoError(t, err, endpoint)
		require.NoError(t, s.Notify(t.Context(), "note", nil))
		require.Equal(t, []string{want + ` {"jsonrpc":"2.0","method":"note"}`}, m.sent())
		_ = end.Close()
		_ = conn.Close()
	}
}

func TestWhatIsNoEventStreamOfThisKind(t *testing.T) {
	for name, c := range map[string]struct {
		m    *mock
		want string
	}{
		"status":  {&mock{status: 405, stream: strings.NewReader("no GET here")}, "legacysse: GET: HTTP status 405 Method Not Allowed: no GET here"},
		"type":    {&mock{media: "Text/HTML; charset=utf-8", stream: strings.NewReader("hi")}, `it answered a GET with content of type "text/html", expected text/event-stream`},
		"message": {&mock{stream: strings.NewReader("data: {}\n\n")}, `the first event is of type "", expected endpoint`},
		"end":     {&mock{stream: strings.NewReader(": hi\n\n")}, "its event stream ended before an endpoint event"},
	} {
		_, _, err := c.m.connect(t.Context(), here)
		require.ErrorContains(t, err, c.want, name)
	}
	_, _, err := (&mock{status: 418, stream: strings.NewReader("tea")}).connect(t.Context(), here)
	e, ok := errors.AsType[*legacysse.HTTPError](err)
	require.True(t, ok)
	require.Equal(t, []any{"GET", 418, "tea"}, []any{e.Method, e.Status, e.Body})
	for _, at := range []string{"ftp://x", "http://", "%"} {
		_, _, err := new(mock).connect(t.Context(), at)
		require.Error(t, err)
	}
}

func TestTheEndpointMustComeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func() (*mock, context.CancelFunc) {
			m := &mock{}
			ctx, cancel := context.WithCancel(t.Context())
			m.stream = readerFunc(func([]byte) (int, error) {
				select {
				case <-m.gets[0].Context().Done():
				case <-ctx.Done():
				}
				return 0, io.ErrUnexpectedEOF
			})
			return m, cancel
		}
		m, _ := hangs()
		began := time.Now()
		_, _, err := m.connect(t.Context(), here)
		require.EqualError(t, err, "legacysse: the server did not name an endpoint in time")
		require.Equal(t, 30*time.Second, time.Since(began))

		m, _ = hangs()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = m.connect(ctx, here)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestTheStreamOutlivesTheConnecting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m, end := scripted("event: endpoint\ndata: ?s=1\n\n")
	s, conn, err := m.connect(ctx, here, legacysse.WithHeader("x-key", "1"))
	require.NoError(t, err)
	cancel()
	done := make(chan error, 1)
	go func() { done <- s.Call(t.Context(), "x", nil, nil) }()
	_, err = io.WriteString(end, ": comment\n\nevent: other\ndata: {}\n\nevent: endpoint\ndata: http://evil.example\n\ndata: "+result(1, `{}`)+"\n\n")
	require.NoError(t, err)
	// The answer may come before the call; then it is nobody's.
	go func() { _, _ = io.WriteString(end, message(result(1, `{}`))+"\n\n") }()
	require.NoError(t, <-done)
	require.Equal(t, "1", m.gets[0].Header.Get("X-Key"))
	require.Equal(t, "text/event-stream", m.gets[0].Header.Get("Accept"))
	_ = end.Close()
	_ = conn.Close()
}

// When the stream ends the session does, and says so in the way that makes a client open another.
func TestTheStreamBreaksOff(t *testing.T) {
	for name, cause := range map[string]error{"the server ended the event stream": io.EOF, "the event stream broke off": io.ErrUnexpectedEOF} {
		m, end := scripted("event: endpoint\ndata: ?s=1\n\n")
		s, conn, err := m.connect(t.Context(), here)
		require.NoError(t, err)
		done := make(chan error, 1)
		posted := make(chan struct{})
		m.post = func(r *http.Request, _ string) (*http.Response, error) {
			close(posted)
			return answer(r, http.StatusAccepted, "", strings.NewReader("")), nil
		}
		go func() { done <- s.Call(t.Context(), "x", nil, nil) }()
		<-posted
		_ = end.CloseWithError(cause)
		err = <-done
		require.ErrorIs(t, err, rpc.ErrClosed)
		require.ErrorIs(t, err, rpc.ErrSessionEnded)
		require.ErrorContains(t, s.Err(), name)
		require.ErrorContains(t, conn.Close(), name)
	}
}

func TestPOSTsThatFail(t *testing.T) {
	m, end := scripted("event: endpoint\ndata: ?sessionId=secret\n\n")
	s, conn, err := m.connect(t.Context(), here)
	require.NoError(t, err)
	try := func() (call, note error) {
		return s.Call(t.Context(), "x", nil, nil), s.Notify(t.Context(), "x", nil)
	}
	m.post = func(r *http.Request, _ string) (*http.Response, error) {
		return answer(r, http.StatusNotFound, "application/json", strings.NewReader(`{"jsonrpc":"2.0","error":{"code":-32600,"message":"gone"}}`)), nil
	}
	for _, err := range []error{first(try()), second(try())} {
		require.ErrorIs(t, err, rpc.ErrSessionEnded)
		require.NotErrorIs(t, err, rpc.ErrClosed, "it was not handled, and may be sent again")
	}
	m.post = func(r *http.Request, _ string) (*http.Response, error) {
		return answer(r, http.StatusForbidden, "application/json", strings.NewReader(`{"jsonrpc":"2.0","error":{"code":-32099,"message":"not you"}}`)), nil
	}
	for _, err := range []error{first(try()), second(try())} {
		require.EqualValues(t, -32099, rpc.CodeOf(err))
		require.ErrorContains(t, err, "not you")
		e, ok := errors.AsType[*legacysse.HTTPError](err)
		require.True(t, ok)
		require.Equal(t, http.StatusForbidden, e.Status)
	}
	m.post = func(*http.Request, string) (*http.Response, error) {
		return nil, &url.Error{Op: "x", URL: "y", Err: io.ErrUnexpectedEOF}
	}
	for _, err := range []error{first(try()), second(try())} {
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NotContains(t, err.Error(), "secret", "the session's id is in the URL")
	}
	_ = end.Close()
	_ = conn.Close()
}

func first(a, _ error) error  { return a }
func second(_, b error) error { return b }

// A cancellation does not overtake the request that it is about, however long the server takes to accept that, up to a
// second.
func TestACancellationComesAfterItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for took, want := range map[time.Duration]int{500 * time.Millisecond: 1, 10 * time.Second: 0} {
			m, end := scripted("event: endpoint\ndata: ?s=1\n\n")
			var accepted, before atomic.Int32
			m.post = func(r *http.Request, body string) (*http.Response, error) {
				if strings.Contains(body, "cancelled") {
					before.Store(accepted.Load())
				} else {
					time.Sleep(took)
					accepted.Add(1)
				}
				return answer(r, http.StatusAccepted, "", strings.NewReader("")), nil
			}
			s, conn, err := m.connect(t.Context(), here)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			require.ErrorIs(t, s.Call(ctx, "x", nil, nil), context.DeadlineExceeded)
			cancel()
			time.Sleep(time.Minute)
			require.Len(t, m.sent(), 2)
			require.EqualValues(t, want, before.Load())
			_ = end.Close()
			_ = conn.Close()
		}
	})
}

func TestAServerThatDoesNotAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, end := scripted("event: endpoint\ndata: ?s=1\n\n")
		m.post = func(r *http.Request, _ string) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		s, conn, err := m.connect(t.Context(), here)
		require.NoError(t, err)
		began := time.Now()
		require.ErrorContains(t, s.Call(t.Context(), "x", nil, nil), "the server did not accept the message in time")
		require.Equal(t, time.Minute, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Notify(ctx, "x", nil), context.DeadlineExceeded)
		go func() { _ = s.Call(t.Context(), "x", nil, nil) }()
		synctest.Wait()
		began = time.Now()
		_ = end.Close()
		_ = conn.Close()
		require.LessOrEqual(t, time.Since(began), 2*time.Second)
	})
}

func TestMessagesThatAreTooLarge(t *testing.T) {
	m, end := scripted("event: endpoint\ndata: ?s=1\n\n")
	s, conn, err := m.connect(t.Context(), here, legacysse.WithClientLimits(legacysse.ClientLimits{Message: 200}))
	require.NoError(t, err)
	m.post = func(r *http.Request, body string) (*http.Response, error) {
		if strings.Contains(body, `"method":"x"`) {
			go func() { _, _ = io.WriteString(end, message(result(1, `{"x":"`+strings.Repeat("x", 1000)+`"}`))+"\n\n") }()
		} else {
			go func() { _, _ = io.WriteString(end, message(result(2, `{}`))+"\n\n") }()
		}
		return answer(r, http.StatusAccepted, "", strings.NewReader("")), nil
	}
	require.ErrorIs(t, s.Call(t.Context(), "x", nil, nil), rpc.ErrTooLarge)
	require.NoError(t, s.Call(t.Context(), "y", nil, nil), "the stream goes on")
	require.ErrorIs(t, s.Notify(t.Context(), strings.Repeat("x", 200), nil), rpc.ErrTooLarge)
	_ = end.Close()
	_ = conn.Close()
}
