package streamhttp

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// guardedStore is a user's store, a panic of which is an error like any other: it is called on goroutines of ours, and
// while streams are locked.
type guardedStore struct {
	EventStore
	log *slog.Logger
}

func (g guardedStore) caught(v any) error {
	g.log.Error("streamhttp: panic in the event store", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return fmt.Errorf("panic: %v", v)
}

// Append is part of EventStore.
func (g guardedStore) Append(ctx context.Context, session string, stream uint64, e Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = g.caught(v)
		}
	}()
	return g.EventStore.Append(ctx, session, stream, e)
}

// After is part of EventStore.
func (g guardedStore) After(ctx context.Context, session string, stream uint64, seq uint64) (events []Event, err error) {
	defer func() {
		if v := recover(); v != nil {
			events, err = nil, g.caught(v)
		}
	}()
	return g.EventStore.After(ctx, session, stream, seq)
}

// Forget is part of EventStore.
func (g guardedStore) Forget(session string) {
	defer func() {
		if v := recover(); v != nil {
			_ = g.caught(v)
		}
	}()
	g.EventStore.Forget(session)
}
