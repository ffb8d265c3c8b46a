package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// sizeError is the error for a message that is too large to be sent.
type sizeError struct{ size, max int }

func (e *sizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, the limit is %d", ErrTooLarge, e.size, e.max)
}
func (e *sizeError) Unwrap() error { return ErrTooLarge }

func indexByte(b []byte, c byte) int { return bytes.IndexByte(b, c) }

// run writes what waits, until the writer is closed and nothing waits any more, or it failed.
func (l *lineWriter) run() {
	defer close(l.done)
	var batch [][]byte
	for range l.ready {
		// Handlers that are about to send get their turn first, so that their messages go out in the same write.
		runtime.Gosched()
		for {
			var messages int
			var closed bool
			batch, messages, closed = l.take(batch)
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			if err := l.writeAll(batch, messages); err != nil {
				l.fail(err)
				return
			}
		}
	}
}

// writeAll writes chunks that hold so many messages.
func (l *lineWriter) writeAll(chunks [][]byte, messages int) error {
	for i, chunk := range chunks {
		if err := l.write(chunk); err != nil {
			return err
		}
		chunks[i] = nil
		if i == len(chunks)-1 {
			l.wrote(chunk, messages)
		} else {
			l.wrote(chunk, 0)
		}
	}
	return nil
}

// waits reports whether something waits that nobody has been told of.
func (l *lineWriter) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// flush writes what waits, on the goroutine of the caller, unless the writer's own is at it.
func (l *lineWriter) flush() {
	l.mu.Lock()
	if l.writing || l.flushing || len(l.chunks) == 0 || l.err != nil {
		l.held = false
		l.mu.Unlock()
		l.signal()
		return
	}
	batch, messages := l.chunks, l.messages
	l.flushing, l.held = true, false
	l.chunks, l.open = l.flushed[:0], false
	l.mu.Unlock()
	err := l.writeAll(batch, messages)
	l.mu.Lock()
	l.flushing, l.flushed = false, batch
	more := len(l.chunks) > 0 || l.err != nil
	l.mu.Unlock()
	if err != nil {
		l.fail(err)
	} else if more {
		l.signal()
	}
}

// take exchanges what waits for the written batch, whose memory is used again.
func (l *lineWriter) take(written [][]byte) (batch [][]byte, messages int, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flushing { // it comes back to us
		return nil, 0, false
	}
	batch, messages, closed = l.chunks, l.messages, l.err != nil
	l.chunks, l.open, l.held, l.writing = written[:0], false, false, len(batch) > 0
	return batch, messages, closed
}

// wrote makes room for as much as was written. A small chunk is kept for use again.
func (l *lineWriter) wrote(chunk []byte, messages int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages -= messages
	l.bytes -= len(chunk)
	switch n := cap(chunk); {
	case n <= keptChunk:
		l.spare = chunk[:0]
	case n <= pooledLarge:
		chunk = chunk[:0]
		largeBuffers.Put(&chunk)
	}
	if l.room != nil {
		l.wakeSenders()
	}
}

// write writes a chunk.
func (l *lineWriter) write(chunk []byte) error {
	for rest := chunk; len(rest) > 0; {
		part := rest
		if l.deadline != nil {
			part = rest[:min(len(rest), oneWrite)]
			_ = l.deadline.SetWriteDeadline(time.Now().Add(l.limits.WriteTime))
		}
		n, err := l.w.Write(part)
		if err == nil && n < len(part) {
			err = errShortWrite
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return Errorf(CodeClosed, "the peer has taken nothing for %v: %w: %w", l.limits.WriteTime, ErrSlow, err)
			}
			return fmt.Errorf("writing to the peer: %w", err)
		}
		rest = rest[len(part):]
	}
	return nil
}

var errShortWrite = errors.New("short write")
