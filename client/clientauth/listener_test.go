package clientauth

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// browse is a browser: it goes where it is sent, in its own time.
func browse(t *testing.T, before func(authorizationURL, redirectURI string)) func(context.Context, string) error {
	return func(_ context.Context, at string) error {
		done := make(chan struct{})
		t.Cleanup(func() { <-done })
		go func() {
			defer close(done)
			u, err := url.Parse(at)
			if err == nil && before != nil {
				before(at, u.Query().Get("redirect_uri"))
			}
			transport := &http.Transport{DisableKeepAlives: true}
			resp, err := (&http.Client{Transport: transport}).Get(at)
			if err != nil {
				t.Error(err)
				return
			}
			page, err := io.ReadAll(resp.Body)
			if err != nil || resp.Body.Close() != nil || !strings.Contains(string(page), "signed in") {
				t.Errorf("%v %s %s", err, resp.Status, page)
			}
		}()
		return nil
	}
}

func TestBrowser(t *testing.T) {
	w := newWorld(t)
	store := MemoryStore()
	w.ok(w.authorizer(Browser(browse(t, nil)), WithStore(store)), "read")
	first := w.issuer.asked[0].Get("redirect_uri")
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/callback$`, first)
	require.Equal(t, "native", w.issuer.bodies[0]["application_type"])

	// the port that is registered is used again
	w.issuer.revoke(true)
	w.ok(w.authorizer(Browser(browse(t, nil)), WithStore(store)), "read")
	require.Equal(t, first, w.issuer.asked[1].Get("redirect_uri"))
	require.Len(t, w.issuer.bodies, 1)

	// where it is taken, another is registered
	taken := &http.Server{Addr: strings.TrimSuffix(strings.TrimPrefix(first, "http://"), "/callback"), Handler: http.NotFoundHandler()}
	ready := make(chan error, 1)
	l, err := listenTCP(taken.Addr)
	require.NoError(t, err)
	go func() { ready <- taken.Serve(l) }()
	w.issuer.revoke(true)
	w.ok(w.authorizer(Browser(browse(t, nil), CallbackPath("/callback")), WithStore(store)), "read")
	require.NotEqual(t, first, w.issuer.asked[2].Get("redirect_uri"))
	require.Len(t, w.issuer.bodies, 2)
	require.NoError(t, taken.Close())
	require.ErrorIs(t, <-ready, http.ErrServerClosed)
}

// listenTCP listens at an address that was in use a moment ago.
func listenTCP(address string) (net.Listener, error) { return net.Listen("tcp", address) }

// TestForeignAnswers has other pages send answers to the listener: none of them ends the flow, or gets in.
func TestForeignAnswers(t *testing.T) {
	w := newWorld(t)
	tries := func(_, redirect string) {
		for _, c := range []struct {
			method, to, host string
			want             int
		}{
			{http.MethodGet, redirect + "?code=evil&state=forged", "", http.StatusBadRequest},
			{http.MethodGet, redirect + "?error=access_denied", "", http.StatusBadRequest},
			{http.MethodGet, redirect + "?state=a;b=%zz", "", http.StatusBadRequest},
			{http.MethodPost, redirect, "", http.StatusMethodNotAllowed},
			{http.MethodGet, strings.TrimSuffix(redirect, "callback") + "other", "", http.StatusNotFound},
			{http.MethodGet, redirect, "evil.example", http.StatusMisdirectedRequest},
		} {
			req, err := http.NewRequest(c.method, c.to, nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Host = c.host
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			page, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != c.want || resp.Header.Get("Location") != "" || strings.Contains(string(page), "evil") {
				t.Errorf("%s %s: %s %s", c.method, c.to, resp.Status, page)
			}
		}
	}
	w.ok(w.authorizer(Browser(browse(t, tries))), "")
	require.Len(t, w.issuer.forms, 1)
	require.NotContains(t, w.issuer.forms[0].Get("code"), "evil")
}

func TestBrowserThatDoesNotOpen(t *testing.T) {
	w := newWorld(t)
	_, err := w.call(w.authorizer(Browser(func(context.Context, string) error { return errors.New("no display") })), "")
	require.ErrorContains(t, err, "the browser could not be opened: no display")
}

func TestListenerThatCannotListen(t *testing.T) {
	w := newWorld(t)
	_, err := w.call(w.authorizer(Browser(browse(t, nil), ListenOn(strings.TrimPrefix(w.issuer.web.URL, "http://")))), "")
	require.ErrorContains(t, err, "redirect listener")
}
