package clientauth

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"time"
)

// roundTripper is the transport to the MCP server.
type roundTripper struct{ a *Authorizer }

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (t *roundTripper) CloseIdleConnections() { t.a.CloseIdleConnections() }

// rounds is how often one request is sent at most, whatever the answers.
const rounds = 10

// stale is how long a connection may be idle before the server is likely to close it just as the request goes out again,
// which for a POST would be an error.
const stale = time.Second

// RoundTrip sends a request, see [Authorizer.Transport].
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	a := t.a
	if originOf(req.URL) != a.origin || req.Header.Get("Authorization") != "" {
		return a.base.RoundTrip(req)
	}
	sends := &sender{a: a, req: req}
	g, err := a.current(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	op := &operation{asked: map[string]bool{}}
	for round := 1; ; round++ {
		resp, err := sends.send(g)
		if err != nil {
			return nil, err
		}
		newNonce := g != nil && g.proofs != nil && a.noteNonce(req.URL, resp.Header)
		if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
			return resp, nil
		}
		c := pickChallenge(resp.Header)
		stepUp := resp.StatusCode == http.StatusForbidden
		if stepUp && (g == nil || c.params["error"] != "insufficient_scope") || !sends.again() || round == rounds {
			return resp, nil
		}
		if err := buffer(resp); err != nil {
			return nil, err
		}
		a.trace.step("%s %s: %s, challenge %s%s", req.Method, place(req.URL.String()), resp.Status, told(c), tokenNote(g))
		if newNonce && c.params["error"] == "use_dpop_nonce" {
			a.trace.step("the server asks for a DPoP nonce")
			continue
		}
		if err := a.stopped(req); err != nil {
			return nil, err
		}
		asked := time.Now()
		next, err := a.renew(req.Context(), need{op: op, rejected: g, challenge: c, stepUp: stepUp})
		switch {
		case errors.Is(err, errNothingNew):
			return resp, nil
		case err != nil:
			return nil, err
		}
		if time.Since(asked) > stale {
			a.base.CloseIdleConnections()
		}
		g = next
	}
}

// stopped gives the error of the last authorization to a request for an event stream of a session that is under way, which
// comes back by itself: it is not for such a request to ask the user again.
func (a *Authorizer) stopped(req *http.Request) error {
	opens := req.Header.Get("Mcp-Protocol-Version") == "" // as the stream does that begins a session of the older transport
	if req.Method != http.MethodGet || opens || !strings.Contains(req.Header.Get("Accept"), "text/event-stream") {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// told gives a challenge for a trace.
func told(c challenge) string {
	if c.scheme == "" {
		return "none"
	}
	s := c.scheme
	for _, name := range []string{"error", "scope", "resource_metadata", "error_description"} {
		if v := c.params[name]; v != "" {
			if name == "resource_metadata" {
				v = place(v)
			}
			s += " " + name + "=" + printable(v)
		}
	}
	return s
}

func tokenNote(g *grant) string {
	if g == nil {
		return " (no token was sent)"
	}
	return ""
}

// sender sends a request, again and again if need be.
type sender struct {
	a    *Authorizer
	req  *http.Request
	sent bool
}

// again tells whether the request can be sent another time.
func (s *sender) again() bool {
	return s.req.Body == nil || s.req.Body == http.NoBody || s.req.GetBody != nil
}

// send sends the request with a token; nil for none.
func (s *sender) send(g *grant) (*http.Response, error) {
	a, ctx := s.a, httptrace.WithClientTrace(s.req.Context(), &httptrace.ClientTrace{GotConn: s.connected})
	out := s.req.Clone(ctx)
	if s.sent && s.req.GetBody != nil {
		body, err := s.req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	s.sent = true
	switch {
	case g == nil:
	case g.proofs != nil:
		proof, err := g.proofs.proof(out.Method, out.URL, g.Token, a.nonce(out.URL))
		if err != nil {
			closeBody(out)
			return nil, &Error{Step: "DPoP proof", Err: err}
		}
		out.Header.Set("Authorization", "DPoP "+g.Token)
		out.Header.Set("DPoP", proof)
	default:
		out.Header.Set("Authorization", "Bearer "+g.Token)
	}
	resp, err := a.base.RoundTrip(out)
	if resp != nil {
		resp.Request = s.req // without the token
	}
	return resp, err
}

// connected notes the address of the server.
func (s *sender) connected(info httptrace.GotConnInfo) {
	if ap, err := netip.ParseAddrPort(info.Conn.RemoteAddr().String()); err == nil {
		addr := ap.Addr()
		s.a.remote.Store(&addr)
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// buffer takes the body of a refusal off its connection, so that nothing waits for what comes next. Only its start is kept.
func buffer(resp *http.Response) error {
	const most = 64 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if closed := resp.Body.Close(); err == nil {
		err = closed
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return err
}
