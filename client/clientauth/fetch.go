package clientauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// answer is what an endpoint answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ok tells whether the answer is a success that may hold JSON.
func (r *answer) ok() bool { return r.status >= 200 && r.status < 300 }

// decode reads the JSON of the answer into v. Members that two readers could understand differently are refused.
func (r *answer) decode(v any) error {
	raw, err := wire.ParseRaw(r.body)
	if err != nil {
		return fmt.Errorf("the answer is no acceptable JSON: %w", err)
	}
	if raw.Kind() != wire.KindObject {
		return fmt.Errorf("the answer is a JSON %v, expected an object", raw.Kind())
	}
	return raw.Unmarshal(v)
}

// getJSON gets a metadata document.
func (a *Authorizer) getJSON(ctx context.Context, step, at string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, &Error{Step: step, URL: place(at), Err: errors.New("it is no URL")}
	}
	return a.do(step, req)
}

// postJSON posts a JSON document.
func (a *Authorizer) postJSON(ctx context.Context, step, at string, body []byte) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Step: step, URL: place(at), Err: errors.New("it is no URL")}
	}
	req.Header.Set("Content-Type", "application/json")
	return a.do(step, req)
}

// do sends a request within the limits and where the guard allows.
func (a *Authorizer) do(step string, req *http.Request) (*answer, error) {
	ctx, cancel := context.WithTimeout(req.Context(), a.limits.RequestTime)
	defer cancel()
	req.Header.Set("Accept", "application/json")
	resp, err := a.web.Do(req.WithContext(ctx))
	if err != nil {
		err = &Error{Step: step, URL: place(req.URL.String()), Err: withoutURL(err)}
		a.trace.step("%v", err)
		return nil, err
	}
	body, err := readAll(resp, a.limits.Response)
	if err != nil {
		err = &Error{Step: step, URL: place(req.URL.String()), Status: resp.StatusCode, Err: err}
		a.trace.step("%v", err)
		return nil, err
	}
	a.trace.step("%s: %s %s: %s", step, req.Method, place(req.URL.String()), resp.Status)
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// withoutURL takes the URL out of the error of an HTTP client: it may have a query.
func withoutURL(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

// readAll reads an answer, which it closes.
func readAll(resp *http.Response, most int) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(body) > most {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return body, nil
}

// guarded checks the URL of each request of the flow, redirects included.
type guarded struct {
	guard *guard
	base  http.RoundTripper
}

func (t guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := t.guard.checkURL(r.URL.String()); err != nil {
		return nil, err
	}
	return t.base.RoundTrip(r)
}

// checkRedirect follows redirects of metadata requests within their origin; no other request is sent anywhere else.
func (a *Authorizer) checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case first.Method != http.MethodGet || r.Method != http.MethodGet:
		return fmt.Errorf("%w: %s to %s", ErrRedirected, first.Method, place(r.URL.String()))
	case originOf(r.URL) != originOf(first.URL):
		return fmt.Errorf("%w: it leads to another origin, %s", ErrRedirected, place(r.URL.String()))
	case len(via) > a.limits.Redirects:
		return fmt.Errorf("%w: more than %d", ErrRedirected, a.limits.Redirects)
	}
	return nil
}

// union gives the strings of both lists, in order, each once.
func union(lists ...[]string) []string {
	var all []string
	seen := map[string]bool{}
	for _, list := range lists {
		for _, s := range list {
			if s = strings.TrimSpace(s); s != "" && !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}
