package serverauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// FetchLimits bounds what is fetched from authorization servers. A zero field means its default; a negative one no limit.
type FetchLimits struct {
	// Size is how many bytes an answer may have; default 1 MiB.
	Size int64
	// Time is how long it may take, from the first byte sent to the last read; default 10 s.
	Time time.Duration
}

func (l FetchLimits) withDefaults() FetchLimits {
	switch {
	case l.Size == 0:
		l.Size = 1 << 20
	case l.Size < 0:
		l.Size = 1<<63 - 2
	}
	switch {
	case l.Time == 0:
		l.Time = 10 * time.Second
	case l.Time < 0:
		l.Time = 1<<63 - 1
	}
	return l
}

// fetcher talks to an authorization server. It follows no redirects.
type fetcher struct {
	client *http.Client
	limits FetchLimits
}

func newFetcher(client *http.Client, limits FetchLimits) *fetcher {
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fetcher{&own, limits.withDefaults()}
}

// errNotThere is the error for a document that is not at its place.
var errNotThere = errors.New("there is no such document")

// get fetches a document.
func (f *fetcher) get(ctx context.Context, at string) ([]byte, http.Header, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, nil, errors.New("it is not a URL")
	}
	return f.do(q)
}

// do sends a request and reads the answer, which must be 200. Errors name the URL without its query, and nothing that was
// sent.
func (f *fetcher) do(q *http.Request) ([]byte, http.Header, error) {
	if err := checkFetched(q.URL); err != nil {
		return nil, nil, err
	}
	where := q.Method + " " + q.URL.Scheme + "://" + q.URL.Host + q.URL.EscapedPath()
	// It goes on if the one who asked first goes away: others wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.Context()), f.limits.Time)
	defer cancel()
	q = q.WithContext(ctx)
	q.Header.Set("Accept", "application/json")
	response, err := f.client.Do(q)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, nil, fmt.Errorf("%s: %w", where, err)
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone:
		return nil, nil, fmt.Errorf("%s: %w", where, errNotThere)
	case response.StatusCode != http.StatusOK:
		return nil, nil, fmt.Errorf("%s: status %d, expected 200", where, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, f.limits.Size+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", where, err)
	case int64(len(body)) > f.limits.Size:
		return nil, nil, fmt.Errorf("%s: the answer has more than %d bytes", where, f.limits.Size)
	}
	return body, response.Header, nil
}

// checkFetched is the error for a URL that nothing is fetched from.
func checkFetched(u *url.URL) error {
	if u.Scheme == "https" && u.Host != "" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%s://%s: expected https, or http on loopback", u.Scheme, u.Host)
}
