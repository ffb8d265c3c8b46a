package clientauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGiganticMetadata(t *testing.T) {
	for _, at := range []string{"server", "resource"} {
		w := newWorld(t)
		pad := func(m map[string]any) { m["padding"] = strings.Repeat("x", 1000) }
		if at == "server" {
			w.issuer.metadata = pad
		} else {
			w.resource.metadata = pad
		}
		_, err := w.call(w.authorizer(nil, WithLimits(Limits{Response: 1000})), "")
		require.ErrorIs(t, err, ErrTooLarge)
		w.ok(w.authorizer(nil, WithLimits(Limits{Response: 3000})), "")
		w.ok(w.authorizer(nil, WithLimits(Limits{Response: -1})), "")
	}
	w := newWorld(t)
	w.resource.metadata = func(m map[string]any) { m["padding"] = strings.Repeat("x", 2000) } // no answer is larger
	resp, err := w.resource.web.Client().Get(w.resource.web.URL + "/.well-known/oauth-protected-resource/mcp")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	for extra, want := range map[int]error{-1: ErrTooLarge, 0: nil, 1: nil} {
		_, err := w.call(w.authorizer(nil, WithLimits(Limits{Response: len(text) + extra})), "")
		require.ErrorIs(t, err, want)
	}
}

// TestRedirectsAreCounted follows as many as there may be, and no more.
func TestRedirectsAreCounted(t *testing.T) {
	for most, follows := range map[int]int{0: 3, 1: 1, 5: 5, -1: 20} {
		for hops, fits := range map[int]bool{follows - 1: true, follows: true, follows + 1: most < 0} {
			w := newWorld(t)
			w.resource.places = []string{"/hop/0"}
			w.resource.challenge = func(int, string) string {
				return fmt.Sprintf(`Bearer resource_metadata="%s/hop/%d"`, w.resource.web.URL, hops)
			}
			inner := w.resource.web.Config.Handler
			w.resource.web.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				var left int
				if n, _ := fmt.Sscanf(r.URL.Path, "/hop/%d", &left); n == 1 && left > 0 {
					http.Redirect(rw, r, fmt.Sprintf("/hop/%d", left-1), http.StatusFound)
					return
				}
				inner.ServeHTTP(rw, r)
			})
			_, err := w.call(w.authorizer(nil, WithLimits(Limits{Redirects: most})), "")
			if fits {
				require.NoError(t, err, "limit %d, %d redirects", most, hops)
			} else {
				require.ErrorIs(t, err, ErrRedirected, "limit %d, %d redirects", most, hops)
			}
		}
	}
}

func TestSlowMetadata(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.issuer.web.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	_, err := w.call(w.authorizer(nil, WithLimits(Limits{RequestTime: 20 * time.Millisecond})), "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
