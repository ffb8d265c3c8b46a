package client

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Limits bounds what a server can make the client hold and do. A zero field means its default; a negative one means no
// limit. What bounds the session is set by [WithLimits], how many pages a list may have by [WithMaxPages].
type Limits struct {
	// Entries is how many entries a list may have, over all its pages; default 100,000. With more, reading it is an error.
	Entries int
	// ListBytes is how many bytes the texts, icons and schemas of its entries may have together; default 64 MiB.
	ListBytes int
	// Cursor is how many bytes a cursor may have; default 64 KiB.
	Cursor int
	// Description is how many bytes the description of an entry may have, and its title; default 256 KiB.
	Description int
	// Icons is how many icons an entry may have, default 32, and IconBytes how many bytes the source of one; default
	// 256 KiB.
	Icons, IconBytes int
	// Schema bounds the output schemas that results are validated against, and how long that may take. A tool beyond cannot
	// be called with its output checked: that is an [*OutputError].
	Schema schemalimit.Limits
	// Sampling is how many requests of the server for sampling may be worked on at once; default 16. One more is refused
	// with -32010 and the data {"retryAfter": 1}.
	Sampling int
	// Elicitations is the same for elicitation; default 16.
	Elicitations int
}

const (
	defaultEntries      = 100_000
	defaultListBytes    = 64 << 20
	defaultCursor       = 64 << 10
	defaultDescription  = 256 << 10
	defaultIcons        = 32
	defaultIconBytes    = 256 << 10
	defaultSampling     = 16
	defaultElicitations = 16
)

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field    *int
		standard int
	}{
		{&l.Entries, defaultEntries}, {&l.ListBytes, defaultListBytes}, {&l.Cursor, defaultCursor},
		{&l.Description, defaultDescription}, {&l.Icons, defaultIcons}, {&l.IconBytes, defaultIconBytes},
		{&l.Sampling, defaultSampling}, {&l.Elicitations, defaultElicitations},
	} {
		switch {
		case *f.field == 0:
			*f.field = f.standard
		case *f.field < 0:
			*f.field = 1<<31 - 1
		}
	}
	return l
}

// WithClientLimits bounds what a server can make the client hold and do; zero fields mean the defaults.
func WithClientLimits(l Limits) Option { return func(cfg *config) { cfg.bounds = l } }

// WithPing has the client ping the server now and then, and the session closed when the server does not answer
// ([rpc.ErrUnresponsive]): that is final, see [Client.Done]. Default: no pings.
func WithPing(p rpc.Pings) Option { return func(cfg *config) { cfg.pings = p } }

// Stats are counters of a client since it was dialled.
type Stats struct {
	// Sessions is how many sessions it has had: more than one after reconnecting.
	Sessions int64
	// Asked is how many requests of the server are being answered now.
	Asked int
	// AskLimited is how many were refused because too many were.
	AskLimited int64
	// ListLimited is how many lists were given up because they were over a limit.
	ListLimited int64
	// Session are the counters of the present session.
	Session rpc.Stats
}

type counters struct {
	sessions, asks, lists atomic.Int64

	sampling, elicitations atomic.Int64 // being worked on
}

// Stats gives the client's counters.
func (c *Client) Stats() Stats {
	c.asked.mu.Lock()
	asked := c.asked.now
	c.asked.mu.Unlock()
	return Stats{
		Sessions: c.counters.sessions.Load(), Asked: asked,
		AskLimited: c.counters.asks.Load(), ListLimited: c.counters.lists.Load(),
		Session: c.Session().Stats(),
	}
}

// errAsked refuses a request of the server because too many are being worked on.
var errAsked = &rpc.Error{
	Code:    rpc.CodeBusy,
	Message: "too many of these requests are being worked on: retry later",
	Data:    wire.MustRaw(`{"retryAfter":1}`),
}

// limitAsked is the interceptor that bounds how many requests of the server are worked on at once.
func (c *Client) limitAsked(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		var running *atomic.Int64
		var most int
		switch m.Method {
		case mcp.MethodCreateMessage:
			running, most = &c.counters.sampling, c.cfg.bounds.Sampling
		case mcp.MethodElicit:
			running, most = &c.counters.elicitations, c.cfg.bounds.Elicitations
		default:
			return next(ctx, m)
		}
		defer running.Add(-1)
		if running.Add(1) > int64(most) {
			c.counters.asks.Add(1)
			return nil, errAsked
		}
		return next(ctx, m)
	}
}

// listCheck watches over a list being read.
type listCheck struct {
	limits  *Limits
	method  string
	entries int
	bytes   int
	seen    map[[sha256.Size]byte]struct{} // cursors, which may be long
}

// checkPage checks the entries of a page.
func checkPage[T any](l *listCheck, batch []T) error {
	if l.entries += len(batch); l.entries > l.limits.Entries {
		return fmt.Errorf("%s: more than %d entries, see Limits.Entries", l.method, l.limits.Entries)
	}
	for i := range batch {
		if err := l.entry(any(&batch[i])); err != nil {
			return err
		}
	}
	if l.bytes > l.limits.ListBytes {
		return fmt.Errorf("%s: more than %d bytes, see Limits.ListBytes", l.method, l.limits.ListBytes)
	}
	return nil
}

func (l *listCheck) entry(entry any) error {
	switch e := entry.(type) {
	case *mcp.Tool:
		l.bytes += len(e.InputSchema.Bytes()) + len(e.OutputSchema.Bytes())
		return l.texts(e.Name, e.Title, e.Description, e.Icons)
	case *mcp.Resource:
		l.bytes += len(e.URI)
		return l.texts(e.Name, e.Title, e.Description, e.Icons)
	case *mcp.ResourceTemplate:
		l.bytes += len(e.URITemplate)
		return l.texts(e.Name, e.Title, e.Description, e.Icons)
	case *mcp.Prompt:
		for i := range e.Arguments {
			l.bytes += len(e.Arguments[i].Name) + len(e.Arguments[i].Description)
		}
		return l.texts(e.Name, e.Title, e.Description, e.Icons)
	}
	return nil
}

func (l *listCheck) texts(name, title, description string, icons []mcp.Icon) error {
	l.bytes += len(name) + len(title) + len(description)
	switch {
	case len(description) > l.limits.Description:
		return fmt.Errorf("%s: the description of %q has %d bytes, the limit is %d", l.method, clip(name), len(description), l.limits.Description)
	case len(title) > l.limits.Description:
		return fmt.Errorf("%s: the title of %q has %d bytes, the limit is %d", l.method, clip(name), len(title), l.limits.Description)
	case len(icons) > l.limits.Icons:
		return fmt.Errorf("%s: %q has %d icons, the limit is %d", l.method, clip(name), len(icons), l.limits.Icons)
	}
	for i := range icons {
		n := len(icons[i].Src)
		if l.bytes += n; n > l.limits.IconBytes {
			return fmt.Errorf("%s: the source of an icon of %q has %d bytes, the limit is %d", l.method, clip(name), n, l.limits.IconBytes)
		}
	}
	return nil
}

// cursor checks a cursor, which must not have come before.
func (l *listCheck) cursor(next mcp.Cursor, pages int) error {
	if len(next) > l.limits.Cursor {
		return fmt.Errorf("%s: a cursor has %d bytes, the limit is %d", l.method, len(next), l.limits.Cursor)
	}
	sum := sha256.Sum256([]byte(next))
	if _, again := l.seen[sum]; again {
		return fmt.Errorf("%s: after %d pages the server gave the cursor %q once more: its list goes in circles", l.method, pages, clip(string(next)))
	}
	if l.seen == nil {
		l.seen = map[[sha256.Size]byte]struct{}{}
	}
	l.seen[sum] = struct{}{}
	return nil
}
