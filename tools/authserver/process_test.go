package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/clientauth"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/server/serverauth"
)

// asServer makes the test binary be the authorization server.
const asServer = "AUTHSERVER_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	goleak.VerifyTestMain(m)
}

// logged is all that the server and the client of the tests logged.
var logged = new(noisy)

// noisy is a buffer that a process, or several goroutines, write to.
type noisy struct {
	mu sync.Mutex
	b  strings.Builder
}

func (n *noisy) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *noisy) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// start runs the authorization server as a process on a free port, and gives its issuer.
func start(t *testing.T, flags ...string) string {
	cmd := exec.Command(os.Args[0], append([]string{"-listen", "127.0.0.1:0", "-v"}, flags...)...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	log := new(noisy)
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait())
		if t.Failed() {
			t.Log(log)
		}
		require.NotContains(t, log.String(), "lovelace", "a password was logged")
	})
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), log)
	return lines.Text()
}

// protected is an MCP server behind serverauth.Require. Each request needs the scope mcp:use.
type protected struct {
	url    string
	mu     sync.Mutex
	tokens []string // that came
}

// protect serves two tools: whoami, and delete, which needs the scope files:write.
func protect(t *testing.T, verifier serverauth.Verifier) *protected {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "whoami", "Tell who calls.", func(ctx context.Context, _ struct{}) (string, error) {
		p, _ := server.CallFrom(ctx).Principal()
		return p.ID, nil
	})
	server.AddTool(s, "delete", "Delete everything.", func(context.Context, struct{}) (string, error) { return "gone", nil }, server.Scopes("files:write"))
	handler := streamhttp.Handler(s)
	p := new(protected)
	web := httptest.NewUnstartedServer(nil)
	web.Start()
	p.url = web.URL + "/mcp"
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	guarded := serverauth.Require(verifier, serverauth.Resource(p.url), "mcp:use")(mux)
	web.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		p.mu.Lock()
		p.tokens = append(p.tokens, token)
		p.mu.Unlock()
		guarded.ServeHTTP(w, r)
	})
	t.Cleanup(func() {
		require.NoError(t, handler.Shutdown(context.WithoutCancel(t.Context())))
		web.Close()
		http.DefaultClient.CloseIdleConnections()
		text := logged.String()
		require.Contains(t, text, "serverauth: refused", "nothing was logged that could be looked through")
		for _, token := range p.tokens {
			if token != "" {
				require.NotContains(t, text, token, "a token was logged")
			}
		}
	})
	return p
}

// last gives the token that came last.
func (p *protected) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens[len(p.tokens)-1]
}

// jwt verifies the tokens of an issuer, and looks for new keys as soon as one is missing.
func jwt(issuer string) serverauth.Verifier {
	return serverauth.JWT(issuer, serverauth.LimitKeys(serverauth.KeyLimits{Interval: -1}))
}

// user is who sits at the browser: it visits a page, and gives the error if that went wrong.
type user func(ctx context.Context, at string) error

// person is a user without a browser, who fills in the form of the page and sends it. It counts its visits.
type person struct {
	name, password, decision string
	mu                       sync.Mutex
	visits                   []url.Values // the authorization requests
	last                     string       // the page that was seen last
	done                     sync.WaitGroup
}

var hidden = regexp.MustCompile(`name="id" value="([^"]+)"`)

func (p *person) visit(_ context.Context, at string) error {
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.visits = append(p.visits, u.Query())
	p.mu.Unlock()
	p.done.Go(func() {
		page, err := p.signIn(at)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.last = page; err != nil {
			p.last = err.Error()
		}
	})
	return nil
}

func (p *person) signIn(at string) (string, error) {
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	page, where, err := read(browser.Get(at))
	if err != nil {
		return "", err
	}
	id := hidden.FindStringSubmatch(page)
	if id == nil {
		return page, errors.New("the page has no form: " + page)
	}
	page, _, err = read(browser.PostForm(where.Scheme+"://"+where.Host+"/login", url.Values{"id": {id[1]}, "name": {p.name}, "password": {p.password}, "decision": {p.decision}}))
	return page, err
}

func read(resp *http.Response, err error) (string, *url.URL, error) {
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return string(text), resp.Request.URL, err
}

func ada(t *testing.T) *person {
	p := &person{name: "ada", password: "lovelace", decision: "allow"}
	t.Cleanup(p.done.Wait)
	return p
}

// session is a client that has connected, with what it needed for that.
type session struct {
	*client.Client
	auth  *clientauth.Authorizer
	trace *noisy
}

// connect connects to a server with the authorization of a user.
func connect(t *testing.T, p *protected, u user, opts ...clientauth.Option) (*session, error) {
	s := &session{trace: new(noisy)}
	var err error
	s.auth, err = clientauth.New(p.url, clientauth.Browser(u), append([]clientauth.Option{clientauth.Trace(s.trace)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(s.auth.CloseIdleConnections)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.trace)
		}
	})
	s.Client, err = client.Dial(t.Context(), client.Info("test", "1.0.0"), streamhttp.Connect(p.url, streamhttp.WithClient(s.auth.Client())))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, nil
}

func (s *session) call(t *testing.T, tool string) (string, error) {
	return client.CallTool[string](t.Context(), s.Client, tool, nil)
}
