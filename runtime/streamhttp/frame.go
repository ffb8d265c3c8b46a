package streamhttp

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// An event id is the number of its stream in the session and its own in the stream: "3-17". A priming event has the
// number of the event before it.

func appendEventID(b []byte, stream, seq uint64) []byte {
	b = append(b, "id: "...)
	b = strconv.AppendUint(b, stream, 10)
	b = append(b, '-')
	b = strconv.AppendUint(b, seq, 10)
	return append(b, '\n')
}

func parseEventID(id string) (stream, seq uint64, ok bool) {
	a, b, ok := strings.Cut(id, "-")
	if !ok {
		return 0, 0, false
	}
	stream, err1 := strconv.ParseUint(a, 10, 63)
	seq, err2 := strconv.ParseUint(b, 10, 63)
	return stream, seq, err1 == nil && err2 == nil
}

// appendRetry appends the time that the client is to wait before it comes back, in milliseconds.
func appendRetry(b []byte, d time.Duration) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, max(d.Milliseconds(), 1), 10)
	return append(b, '\n')
}

func appendEvents(b []byte, stream uint64, events []Event) []byte {
	for _, e := range events {
		b = appendEventID(b, stream, e.Seq)
		b = append(b, "data: "...)
		b = append(b, e.Data...)
		b = append(b, "\n\n"...)
	}
	return b
}

// keepAlive is a comment, which no client sees as an event.
var keepAlive = []byte(":\n\n")

// buffers are for bodies and answers, and largeBuffers for the answers of sessions whose last one was large.
var buffers, largeBuffers = sync.Pool{New: newBuffer}, sync.Pool{New: newBuffer}

func newBuffer() any { return new([]byte) }

const (
	startBuffer = 2 << 10
	keptBuffer  = 64 << 10 // larger ones are not kept for small messages
	largeBuffer = 4 << 20  // larger ones are not kept at all
)

func takeBuffer() []byte { return takeFrom(&buffers) }

func takeFrom(pool *sync.Pool) []byte {
	p := pool.Get().(*[]byte)
	b := *p
	*p = nil
	headers.Put(p)
	if b == nil {
		b = make([]byte, 0, startBuffer)
	}
	return b[:0]
}

func giveBuffer(b []byte) {
	pool := &buffers
	switch n := cap(b); {
	case n == 0 || n > largeBuffer:
		return
	case n > keptBuffer:
		pool = &largeBuffers
	}
	p := headers.Get().(*[]byte)
	*p = b
	pool.Put(p)
}

// headers are the slice headers that buffers are pooled by, so that giving one back costs nothing.
var headers = sync.Pool{New: func() any { return new([]byte) }}
