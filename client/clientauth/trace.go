package clientauth

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Trace writes a line for each step of the flow to w: what was asked for, where, and what came back; for the user who is
// stuck. Tokens, codes, secrets, verifiers, assertions and the state are never written. Writes do not overlap; their errors
// are ignored.
func Trace(w io.Writer) Option { return func(a *Authorizer) { a.trace.w = w } }

// tracer writes steps.
type tracer struct {
	mu sync.Mutex
	w  io.Writer
}

// step writes a line.
func (t *tracer) step(format string, args ...any) {
	if t.w == nil {
		return
	}
	line := time.Now().Format("15:04:05.000 ") + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ") + "\n"
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.w, line)
}

// place gives a URL as it may be shown: without user, query and fragment.
func place(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		return "a URL that cannot be parsed"
	}
	return (&url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}).String()
}

// shown gives scopes for a trace.
func shown(scopes []string) string {
	if len(scopes) == 0 {
		return "none in particular"
	}
	return printable(strings.Join(scopes, " "))
}
