package clientauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// BrowserOption changes the listener of [Browser].
type BrowserOption func(*listenerConfig)

// ListenOn sets the address that the listener has, such as 127.0.0.1:8723; it has to be one of this machine. Default is
// 127.0.0.1:0, a free port: of a registered client the port it was registered with if that is free. Use it where the
// authorization server compares the ports of redirect URIs, which it should not (RFC 8252 section 7.3), and the client id
// is not a dynamic one.
func ListenOn(address string) BrowserOption { return func(c *listenerConfig) { c.address = address } }

// CallbackPath sets the path of the redirect URI; default /callback.
func CallbackPath(path string) BrowserOption { return func(c *listenerConfig) { c.path = path } }

type listenerConfig struct{ address, path string }

// Browser is the flow for a user at this machine: the authorization code grant with PKCE. open gets the user's browser to a
// URL and returns, [OpenBrowser] for example; the answer comes to a listener on the loopback interface, which is there only
// as long.
func Browser(open func(ctx context.Context, url string) error, opts ...BrowserOption) Flow {
	c := listenerConfig{address: "127.0.0.1:0", path: "/callback"}
	for _, set := range opts {
		set(&c)
	}
	return &codeFlow{check: c.check, open: func(ctx context.Context, registered []string) (receiver, error) {
		return c.listen(ctx, open, registered)
	}}
}

func (c *listenerConfig) check() error {
	host, _, err := net.SplitHostPort(c.address)
	if err != nil || !isLoopbackHost(host) {
		return fmt.Errorf("clientauth: the listener's address %q is not of the form 127.0.0.1:port", c.address)
	}
	if u, err := url.Parse(c.path); err != nil || !strings.HasPrefix(c.path, "/") || u.Path != c.path || u.Host != "" || hasDots(c.path) {
		return fmt.Errorf("clientauth: the callback path %q is not of the form /path", c.path)
	}
	return nil
}

// listen opens the listener, at the port of a registered redirect URI if that is free.
func (c *listenerConfig) listen(ctx context.Context, open func(context.Context, string) error, registered []string) (receiver, error) {
	host, port, _ := net.SplitHostPort(c.address)
	addresses := []string{c.address}
	for _, uri := range registered {
		if u, err := url.Parse(uri); err == nil && port == "0" && u.Hostname() == host && u.Path == c.path && u.Port() != "" {
			addresses = []string{u.Host, c.address}
			break
		}
	}
	var l net.Listener
	var err error
	for _, address := range addresses {
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if ap, err := netip.ParseAddrPort(l.Addr().String()); err != nil || !ap.Addr().IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is not an address of this machine", l.Addr()), l.Close())
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	b := &loopbackReceiver{host: net.JoinHostPort(host, port), path: c.path, open: open, answers: make(chan url.Values, 1)}
	b.server = &http.Server{Handler: b, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: log.New(io.Discard, "", 0)} // what it would log may hold the code
	b.work.Go(func() { _ = b.server.Serve(l) })
	return b, nil
}

// loopbackReceiver is a listener that receives one answer.
type loopbackReceiver struct {
	host, path string
	open       func(context.Context, string) error
	server     *http.Server
	answers    chan url.Values
	work       sync.WaitGroup

	mu    sync.Mutex
	state string // while an answer is waited for
}

func (b *loopbackReceiver) uri() string { return "http://" + b.host + b.path }

func (b *loopbackReceiver) receive(ctx context.Context, at, state string) (url.Values, error) {
	b.mu.Lock()
	b.state = state
	b.mu.Unlock()
	if err := b.open(ctx, at); err != nil {
		return nil, fmt.Errorf("the browser could not be opened: %w", err)
	}
	select {
	case answer := <-b.answers:
		return answer, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer came: %w", context.Cause(ctx))
	}
}

// close lets the page be written that the user sees, and ends the listener.
func (b *loopbackReceiver) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if b.server.Shutdown(ctx) != nil {
		_ = b.server.Close()
	}
	b.work.Wait()
}

// ServeHTTP takes the answer. One with another state is not ours: it changes nothing, so that no page that the browser
// shows can end or take over the flow.
func (b *loopbackReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	switch {
	case r.Host != b.host:
		http.Error(w, "This is not the host that was asked for.", http.StatusMisdirectedRequest)
		return
	case r.URL.Path != b.path:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet:
		http.Error(w, "Only GET is of use here.", http.StatusMethodNotAllowed)
		return
	}
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		http.Error(w, "The query cannot be read.", http.StatusBadRequest)
		return
	}
	if !b.isOurs(answer) {
		http.Error(w, "This answer belongs to no request.", http.StatusBadRequest)
		return
	}
	b.answers <- answer
	text := "You are signed in, and can close this window."
	if answer.Get("error") != "" || answer.Get("code") == "" {
		text = "You are not signed in. You can close this window."
	}
	_, _ = io.WriteString(w, "<!DOCTYPE html><meta charset=utf-8><title>MCP client</title><p>"+text+"</p>\n")
}

// isOurs tells whether an answer is the one that is waited for; true once.
func (b *loopbackReceiver) isOurs(answer url.Values) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == "" || !sameState(answer, b.state) {
		return false
	}
	b.state = ""
	return true
}

// errNoBrowser is what OpenBrowser says of a URL it would not open.
var errNoBrowser = errors.New("clientauth: only http and https URLs are opened")
