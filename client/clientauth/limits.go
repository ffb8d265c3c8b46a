package clientauth

import (
	"math"
	"time"
)

// Limits bounds what the flow takes. A zero field means its default; a negative one means no limit.
type Limits struct {
	// Response is the size in bytes of an answer from a metadata, registration or token endpoint; default 256 KiB.
	Response int
	// RequestTime is how long one request to such an endpoint may take, its redirects included; default 15 s.
	RequestTime time.Duration
	// Redirects is how many redirects a metadata request follows, all within its origin; default 3.
	Redirects int
	// AuthorizeTime is how long one authorization may take, the user's part included; default 5 min.
	AuthorizeTime time.Duration
	// Authorizations is how many authorization requests one operation may lead to, step-up included; default 3.
	Authorizations int
	// Early is how long before its end a token that can be refreshed is, but at most a quarter of its time; default 30 s.
	Early time.Duration
}

func (l Limits) withDefaults() Limits {
	l.Response = orDefault(l.Response, 256<<10)
	l.RequestTime = orDefaultTime(l.RequestTime, 15*time.Second)
	l.Redirects = orDefault(l.Redirects, 3)
	l.AuthorizeTime = orDefaultTime(l.AuthorizeTime, 5*time.Minute)
	l.Authorizations = orDefault(l.Authorizations, 3)
	if l.Early == 0 {
		l.Early = 30 * time.Second
	}
	l.Early = max(l.Early, 0) // no time before the end
	return l
}

func orDefault(v, by int) int {
	switch {
	case v == 0:
		return by
	case v < 0:
		return math.MaxInt - 1 // one more is read, to tell
	}
	return v
}

func orDefaultTime(v, by time.Duration) time.Duration {
	switch {
	case v == 0:
		return by
	case v < 0:
		return math.MaxInt64 / 2
	}
	return v
}
