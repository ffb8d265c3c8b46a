// Package httpclient is what the clients of the transports over HTTP share: the HTTP client they make for themselves, and
// what they tell of an answer that is no success.
package httpclient

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// defaultHeader is how many bytes the header of an answer may have; that of net/http is 10 MiB.
const defaultHeader = 256 << 10

// New makes an HTTP client for one connection of a transport. It has no time-out, which would cut streams off, and follows
// no redirect to another host, from https to http, or with another method.
func New() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	t.MaxResponseHeaderBytes = defaultHeader
	return &http.Client{Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		from := via[0].URL
		plain := r.URL.Scheme != from.Scheme && r.URL.Scheme != "https" // "https://h" and "http://h" are the same host
		if r.URL.Host != from.Host || plain || r.Method != via[0].Method {
			return fmt.Errorf("a redirect to %s %s was not followed", r.Method, r.URL.Redacted())
		}
		if len(via) >= 10 {
			return errors.New("too many redirects")
		}
		return nil
	}}
}

// Do does a request. A panic of c, whose transport may be the user's, is an error: it may be on a goroutine of ours.
func Do(c *http.Client, r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			resp, err = nil, fmt.Errorf("the HTTP client panicked: %v\n%s", v, debug.Stack())
		}
	}()
	return c.Do(r)
}

// Drain closes an answer so that its connection can be used again.
func Drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// Head is how much is kept of the body of an answer that is no success, in bytes.
const Head = 4 << 10

// Start reads the start of the body of an answer, which it closes.
func Start(resp *http.Response) []byte {
	head, _ := io.ReadAll(io.LimitReader(resp.Body, Head))
	Drain(resp)
	return head
}

// Refusal is the text for an answer that is no success, with the start of its body, or with the message of that if it is a
// JSON-RPC error.
func Refusal(method string, status int, body string) string {
	text := fmt.Sprintf("%s: HTTP status %d %s", method, status, http.StatusText(status))
	if strings.HasPrefix(body, "{") {
		if m, err := rpc.Parse([]byte(body), wire.Options{}); err == nil && m.Kind == rpc.KindError {
			body = m.Error.Message
		}
	}
	if body := strings.TrimSpace(body); body != "" {
		const most = 200
		if len(body) > most {
			body = body[:most] + "..."
		}
		text += ": " + body
	}
	return text
}
