package websocket

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// writer queues messages and writes them from a goroutine of its own, those that wait in one go.
type writer struct {
	ws     *websocket.Conn
	cable  *cable
	limits Wire

	mu     sync.Mutex
	queue  []*[]byte     // what waits, in order
	going  int           // messages that are being written
	bytes  int           // of all these
	ready  chan struct{} // holds one signal for the goroutine: something waits, or closed
	room   chan struct{} // closed when there is more room; nil if nobody waits for that
	err    error         // why nothing more is taken; rpc.ErrClosed after close
	onFail func(error)
	done   chan struct{} // the goroutine has ended
}

// texts are for encoding messages into. Larger ones than keptText are not kept.
var texts = sync.Pool{New: func() any { return new([]byte) }}

const keptText = 64 << 10

func newWriter(limits Wire) *writer {
	return &writer{limits: limits, ready: make(chan struct{}, 1), done: make(chan struct{})}
}

// start starts writing; onFail is called, once, if that fails.
func (w *writer) start(ws *websocket.Conn, c *cable, onFail func(error)) {
	w.mu.Lock()
	err := w.err
	w.ws, w.cable, w.onFail = ws, c, onFail
	w.mu.Unlock()
	if err != nil { // the queue was full before we even began
		onFail(err)
	}
	go w.run()
}

// Send queues a message, see [rpc.Stream].
func (w *writer) Send(ctx context.Context, m *rpc.Message) error {
	text := texts.Get().(*[]byte)
	*text = m.AppendJSON((*text)[:0])
	if n := len(*text); n > w.limits.Message {
		return fmt.Errorf("%w: %d bytes, the limit is %d", rpc.ErrTooLarge, n, w.limits.Message)
	}
	w.mu.Lock()
	for w.err == nil && w.waiting() > 0 &&
		(w.waiting() >= w.limits.QueueMessages || len(*text) > w.limits.QueueBytes-w.bytes) {
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.mu.Unlock()
		if err := w.await(ctx, room); err != nil {
			return err
		}
		w.mu.Lock()
	}
	err := w.err
	if err == nil {
		w.queue = append(w.queue, text)
		w.bytes += len(*text)
	}
	w.mu.Unlock()
	w.signal()
	return err
}

// waiting is how many messages have not been written. Under mu.
func (w *writer) waiting() int { return len(w.queue) + w.going }

// await waits for room in the queue.
func (w *writer) await(ctx context.Context, room <-chan struct{}) error {
	if w.limits.WhenFull == rpc.QueueDropPeer {
		err := rpc.Errorf(rpc.CodeClosed, "%w, %d messages wait for it: %w", rpc.ErrSlow, w.limits.QueueMessages, rpc.ErrClosed)
		w.fail(err)
		return err
	}
	timer := time.NewTimer(w.limits.WriteTime)
	defer timer.Stop()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		err := w.tooSlow()
		w.fail(err)
		return err
	}
}

func (w *writer) tooSlow() error {
	return rpc.Errorf(rpc.CodeClosed, "the peer has taken nothing for %v: %w: %w", w.limits.WriteTime, rpc.ErrSlow, rpc.ErrClosed)
}

func (w *writer) signal() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// run writes what waits, until the writer is closed and nothing waits any more, or it failed.
func (w *writer) run() {
	defer close(w.done)
	var batch []*[]byte
	for range w.ready {
		// Handlers that are about to send get their turn first, so that their messages go out together.
		runtime.Gosched()
		for {
			w.mu.Lock()
			batch, w.queue = w.queue, batch[:0]
			w.going = len(batch)
			closed := w.err != nil
			w.mu.Unlock()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			if err := w.write(batch); err != nil {
				if w.cable.stuck.Load() {
					err = w.tooSlow()
				}
				w.fail(fmt.Errorf("writing to the peer: %w", err))
				return
			}
			clear(batch)
		}
	}
}

// write writes messages such that they go out together.
func (w *writer) write(batch []*[]byte) error {
	w.cable.hold()
	for _, text := range batch {
		if err := w.ws.Write(context.Background(), websocket.MessageText, *text); err != nil {
			_ = w.cable.release() // it has failed
			return err
		}
		w.wrote(text)
	}
	return w.cable.release()
}

// wrote makes room for as much as was written.
func (w *writer) wrote(text *[]byte) {
	w.mu.Lock()
	w.going = max(w.going-1, 0)
	w.bytes = max(w.bytes-len(*text), 0)
	w.wakeSenders()
	w.mu.Unlock()
	if cap(*text) <= keptText {
		texts.Put(text)
	}
}

// wakeSenders tells senders to look again. Under mu.
func (w *writer) wakeSenders() {
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
}

// fail makes the writer take nothing more, because of err, and drops what waits.
func (w *writer) fail(err error) {
	w.mu.Lock()
	first := w.err == nil
	if first {
		w.err = err
	}
	clear(w.queue)
	w.queue, w.going, w.bytes = w.queue[:0], 0, 0
	w.wakeSenders()
	f := w.onFail
	w.mu.Unlock()
	w.signal()
	if first && f != nil {
		f(err)
	}
}

// close takes nothing more and waits, at most for the time, until what waits is written.
func (w *writer) close(most time.Duration) {
	w.mu.Lock()
	if w.err == nil {
		w.err = rpc.ErrClosed
	}
	w.wakeSenders()
	w.mu.Unlock()
	w.signal()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		_ = w.cable.Close()
		<-w.done
	}
}
