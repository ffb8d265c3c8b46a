package streamhttp

import (
	"strconv"
	"time"
)

// HTTPStatus gives the status, for those who look for it in an error's chain without knowing the transport.
func (e *HTTPError) HTTPStatus() int { return e.Status }

// RetryAfter gives how long the server wants the client to wait (the Retry-After header, in seconds); 0 if it did not say.
func (e *HTTPError) RetryAfter() time.Duration {
	const most = 365 * 24 * 3600
	n, err := strconv.ParseUint(e.Header.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(min(n, most)) * time.Second
}
