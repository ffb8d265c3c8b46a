package rpc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"
)

// lineReader cuts its input into lines of at most max bytes. It holds no more than the line it is reading, and what
// came with it.
type lineReader struct {
	r          io.Reader
	max        int
	buf        []byte
	start, end int // buf[start:end] has been read and not been returned
	scanned    int // buf[start:scanned] has no line break
	skip       bool
	err        error // of r, once it was met

	most  time.Duration // that a message may take to arrive; 0: no limit
	late  func(error)   // called when one takes longer
	timer *time.Timer
	timed bool // ... runs: a message has arrived in part

	memory *Memory // nil: no limit
	ctx    context.Context
	held   int64 // reserved for buf
}

const (
	startRead = 8 << 10   // a new buffer's size
	keptRead  = 256 << 10 // a larger buffer is not kept for the next line
	skipRead  = 64 << 10  // ... while the rest of a line is skipped
	keptHead  = 4 << 10   // of a line that is too long, so much is returned
)

// ready reports whether a line has arrived whole.
func (l *lineReader) ready() bool {
	i := bytes.IndexByte(l.buf[l.scanned:l.end], '\n')
	if i < 0 {
		l.scanned = l.end
		return false
	}
	l.scanned += i
	return true
}

// next gives the next line that is not blank, without its end, valid until the next call; the last may lack an end.
// If it is longer than max the error is ErrTooLarge and the line is the start of it, which is known before the rest has
// arrived; the rest is skipped by the next call.
func (l *lineReader) next() (line []byte, err error) {
	for {
		if i := bytes.IndexByte(l.buf[l.scanned:l.end], '\n'); i >= 0 {
			l.arrived()
			line = l.buf[l.start : l.scanned+i]
			l.start = l.scanned + i + 1
			l.scanned = l.start
			if l.skip {
				l.skip = false
				continue
			}
			if line = trimEnd(line); len(line) > l.max {
				return line[:min(keptHead, l.max)], ErrTooLarge
			}
			if !blank(line) {
				return line, nil
			}
			continue
		}
		l.scanned = l.end
		if l.skip {
			l.start, l.end, l.scanned = 0, 0, 0
		}
		// One byte over might be the CR of a line that is not too long.
		if n := l.end - l.start; n > l.max && (n > l.max+1 || l.buf[l.end-1] != '\r') {
			head := bytes.Clone(l.buf[l.start : l.start+min(keptHead, l.max)])
			l.skip = true
			l.use(nil)
			l.start, l.end, l.scanned = 0, 0, 0
			return head, ErrTooLarge
		}
		if l.err != nil {
			line = trimEnd(l.buf[l.start:l.end])
			l.start, l.scanned = l.end, l.end
			if l.err == io.EOF && !blank(line) {
				return line, nil
			}
			return nil, l.err
		}
		l.fill()
	}
}

// fill reads more, into a buffer that has room for it.
func (l *lineReader) fill() {
	have := l.end - l.start
	switch {
	case have == 0 && cap(l.buf) > keptRead:
		l.use(nil)
		fallthrough
	case have == 0:
		l.start, l.end, l.scanned = 0, 0, 0
		if l.buf == nil && l.skip {
			l.buf = make([]byte, skipRead)
		} else if l.buf == nil {
			l.buf = make([]byte, startRead)
		}
	case l.end == len(l.buf):
		buf := l.buf
		if have > len(l.buf)/2 || len(l.buf) > keptRead && have < keptRead/2 {
			// Room for the longest line, its end, and a byte that shows it to be too long.
			size := max(2*have, startRead)
			if l.max < noLimit {
				size = min(size, l.max+3)
			}
			size = max(size, have+1)
			if l.err = l.reserve(size); l.err != nil {
				return
			}
			buf = make([]byte, size)
		}
		l.scanned -= l.start
		copy(buf, l.buf[l.start:l.end])
		l.use(buf)
		l.start, l.end = 0, have
	}
	if have > 0 || l.skip {
		l.began()
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if err != nil && err != io.EOF {
			l.err = fmt.Errorf("reading from the peer: %w", err)
		}
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}

// trimEnd takes the CR off a line that ended in CRLF.
func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(line, []byte{'\r'})
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}
