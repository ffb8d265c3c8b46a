package streamhttp

import (
	"context"
	"sync/atomic"
)

// gate counts what goes on, and can be closed. The zero value is open.
type gate struct {
	n      atomic.Int64
	closed atomic.Bool
	idle   atomic.Pointer[chan struct{}] // gets a signal when n falls to 0 and the gate is closed
}

// enter counts one more, until leave; false if the gate is closed.
func (g *gate) enter() bool {
	g.n.Add(1)
	if g.closed.Load() {
		g.leave()
		return false
	}
	return true
}

// add counts one more of what is already inside.
func (g *gate) add() { g.n.Add(1) }

func (g *gate) leave() {
	if g.n.Add(-1) == 0 && g.closed.Load() {
		if c := g.idle.Load(); c != nil {
			select {
			case *c <- struct{}{}:
			default:
			}
		}
	}
}

func (g *gate) close() {
	c := make(chan struct{}, 1)
	g.idle.CompareAndSwap(nil, &c)
	g.closed.Store(true)
}

// wait waits, once the gate is closed, until nothing is inside. One at a time may wait.
func (g *gate) wait(ctx context.Context) error {
	for g.n.Load() > 0 {
		select {
		case <-*g.idle.Load():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
