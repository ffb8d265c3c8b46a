package clientauth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKindOf(t *testing.T) {
	for text, want := range map[string]kind{
		"93.184.215.14": public, "2606:2800:220:1::1": public, "172.32.0.1": public, "100.128.0.1": public,
		"127.0.0.1": loopback, "127.255.255.254": loopback, "::1": loopback, "::ffff:127.0.0.1": loopback,
		"10.0.0.1": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.1": private, "fd00::1": private,
		"::ffff:192.168.1.1": private, "100.64.0.1": private, "fec0::1": private, "fc00::1%eth0": private,
		"169.254.169.254": linkLocal, "fe80::1": linkLocal, "fe80::1%eth0": linkLocal,
		"0.0.0.0": reserved, "::": reserved, "0.1.2.3": reserved, "255.255.255.255": reserved, "224.0.0.1": reserved,
		"ff02::1": reserved, "64:ff9b::7f00:1": reserved, "2002:7f00:1::": reserved, "::127.0.0.1": reserved,
	} {
		require.Equal(t, want, kindOf(netip.MustParseAddr(text)), text)
	}
	require.Equal(t, reserved, kindOf(netip.Addr{}))
}

// local is a server on the loopback interface that must not be reached.
func local(t *testing.T) (at string, reached *bool) {
	reached = new(bool)
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *reached = true }))
	t.Cleanup(web.Close)
	return web.URL, reached
}

func get(t *testing.T, g *guard, at string) error {
	if g.trusted == nil {
		g.trusted = map[string]bool{}
	}
	base := g.transport(http.DefaultTransport.(*http.Transport))
	defer base.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	require.NoError(t, err)
	resp, err := guarded{g, base}.RoundTrip(req)
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}
	return err
}

// TestGuard has a server that is not on this machine point to one that is.
func TestGuard(t *testing.T) {
	at, reached := local(t)
	port := at[strings.LastIndex(at, ":"):]
	for _, to := range []string{at, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port, "http://0.0.0.0" + port,
		"http://[::]" + port, "https://127.0.0.1" + port, "http://LOCALHOST" + port} {
		require.ErrorIs(t, get(t, &guard{}, to), ErrForbiddenAddress, to)
	}
	require.False(t, *reached)

	// what a name resolves to counts: any name will do that the hosts file maps to this machine
	g := &guard{plain: true, trusted: map[string]bool{}}
	require.ErrorIs(t, g.control(t.Context(), "tcp", "127.0.0.1:80", nil), ErrForbiddenAddress)
	require.ErrorIs(t, g.control(t.Context(), "tcp", "[::ffff:10.0.0.1]:80", nil), ErrForbiddenAddress)
	require.NoError(t, g.control(t.Context(), "tcp", "93.184.215.14:443", nil))
	require.ErrorIs(t, onlyLoopback(t.Context(), "tcp", "93.184.215.14:443", nil), ErrForbiddenAddress)

	open := &guard{private: true}
	require.NoError(t, get(t, open, at))
	require.True(t, *reached)
	require.ErrorIs(t, get(t, open, "http://0.0.0.0"+port), ErrForbiddenAddress, "no option allows what is no server's address")

	trusted := &guard{trusted: map[string]bool{}}
	trusted.trust(at + "/token")
	require.NoError(t, get(t, trusted, at))
}

// TestDialIsChecked goes past the check of the URL, as a name does that resolves to a private address only when it is dialed.
func TestDialIsChecked(t *testing.T) {
	at, reached := local(t)
	u, err := url.Parse(at)
	require.NoError(t, err)
	g := &guard{trusted: map[string]bool{}}
	base := g.transport(&http.Transport{})
	defer base.CloseIdleConnections()
	for _, host := range []string{u.Host, "localhost:" + u.Port(), "0.0.0.0:" + u.Port()} {
		_, err = base.RoundTrip((&http.Request{Method: http.MethodGet, Header: http.Header{}, URL: &url.URL{Scheme: "http", Host: host}}).WithContext(t.Context()))
		require.ErrorIs(t, err, ErrForbiddenAddress, host)
	}
	require.False(t, *reached)
}

// TestProxies decide by themselves: a proxy may be at a private address.
func TestProxies(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.String()) }))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	g := &guard{plain: true, trusted: map[string]bool{}}
	base := g.transport(&http.Transport{Proxy: http.ProxyURL(at)})
	defer base.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://as.example/x", nil)
	require.NoError(t, err)
	resp, err := guarded{g, base}.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []string{"http://as.example/x"}, asked)
	req.URL.Host = "192.168.0.1"
	_, err = guarded{g, base}.RoundTrip(req)
	require.ErrorIs(t, err, ErrForbiddenAddress)

	g.learn(t.Context(), &url.URL{Scheme: "https", Host: "127.0.0.1"}, netip.MustParseAddr("127.0.0.1"))
	require.False(t, g.kinds[loopback].Load(), "the address is the proxy's")
}

func TestLearn(t *testing.T) {
	for name, c := range map[string]struct {
		server, remote string
		want           kind
	}{
		"loopback":               {"http://127.0.0.1/", "127.0.0.1", loopback},
		"localhost":              {"http://localhost/", "127.0.0.1", loopback},
		"private":                {"https://10.1.2.3/", "10.1.2.3", private},
		"public":                 {"https://93.184.215.14/", "93.184.215.14", public},
		"not what it is":         {"https://93.184.215.14/", "127.0.0.1", public},
		"a name of another kind": {"http://localhost/", "10.0.0.1", public},
	} {
		t.Run(name, func(t *testing.T) {
			g := &guard{}
			u, err := url.Parse(c.server)
			require.NoError(t, err)
			g.learn(t.Context(), u, netip.MustParseAddr(c.remote))
			for k := loopback; k < reserved; k++ {
				require.Equal(t, k == c.want, g.allows(k), k)
			}
		})
	}
}

func TestTrace(t *testing.T) {
	var b strings.Builder
	tr := tracer{w: &b}
	tr.step("a\nb %s", place("https://u:p@x/y?z=secret#f"))
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3} a b https://x/y\n$`, b.String())
	require.Equal(t, "a URL that cannot be parsed", place("::"))
	require.Equal(t, "a b"+strings.Repeat("x", 197)+"...", printable("a\x00b"+strings.Repeat("x", 300)))
}

func TestOpenBrowserOpensPages(t *testing.T) {
	for _, at := range []string{"file:///etc/passwd", "javascript:alert(1)", "--help", "$(reboot)"} {
		require.ErrorIs(t, OpenBrowser(context.Background(), at), errNoBrowser, at)
	}
}
