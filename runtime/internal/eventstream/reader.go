// Package eventstream reads event streams (WHATWG HTML, 9.2, server-sent events), for the transports that have such.
package eventstream

import (
	"bytes"
	"io"
	"math"
	"strconv"
	"time"
)

// Event is an event as a client reads it.
type Event struct {
	// Name is its type; "" is "message".
	Name string
	// Data is valid until the next event is read.
	Data []byte
	// Large says that the data was too long: what is there is its start.
	Large bool
}

// Reader reads an event stream. It holds no more than the event it is reading, and what came with it. It is not safe for
// concurrent use.
type Reader struct {
	// ID is that of the last event that had one: where to resume.
	ID string
	// Retry is how long the stream said to wait before that; -1 if it did not.
	Retry time.Duration

	r   io.Reader
	max int // bytes of data of an event

	buf        []byte
	start, end int   // buf[start:end] was read and not looked at
	err        error // of r
	begun      bool  // the start was looked at for a byte order mark
	cr         bool  // the last line ended in CR, so that an LF next belongs to it

	// The event being read.
	name  string
	data  []byte
	lines int // of data
	large bool
	newID string
	hasID bool
}

const (
	startEvents = 4 << 10
	keptEvents  = 256 << 10 // larger buffers are not kept
	maxHead     = 4 << 10   // of data that is too long
	maxField    = 4 << 10   // of the value of a field other than data; a longer one is ignored
)

// NewReader makes a reader of r that takes events of so many bytes of data.
func NewReader(r io.Reader, most int) *Reader {
	return &Reader{r: r, max: most, Retry: -1}
}

// Next gives the next event that has data. Events without only leave their id and retry behind. At the end the error is
// that of the reader; an event that is not complete then is dropped.
func (e *Reader) Next() (Event, error) {
	if cap(e.data) > keptEvents {
		e.data = nil
	}
	e.data = e.data[:0]
	for {
		line, whole, err := e.line()
		if err != nil {
			return Event{}, err
		}
		if len(line) > 0 || !whole {
			e.field(line, whole)
			continue
		}
		ev := Event{Name: e.name, Data: e.data, Large: e.large}
		if e.hasID {
			e.ID = e.newID
		}
		lines := e.lines
		e.name, e.lines, e.large, e.hasID = "", 0, false, false
		if lines > 0 && len(ev.Data) > 0 || ev.Large {
			return ev, nil
		}
		e.data = e.data[:0]
	}
}

// line gives the next line without its end. whole is false if it is too long for any use, and cut.
func (e *Reader) line() (line []byte, whole bool, err error) {
	scanned := e.start
	skip := false
	for {
		if e.cr && e.start < e.end {
			e.cr = false
			if e.buf[e.start] == '\n' {
				e.start++
				scanned = e.start
			}
		}
		if i := bytes.IndexAny(e.buf[scanned:e.end], "\r\n"); i >= 0 {
			i += scanned
			line = e.buf[e.start:i]
			e.cr = e.buf[i] == '\r'
			e.start = i + 1
			if skip {
				return nil, false, nil
			}
			return e.trimMark(line), true, nil
		}
		scanned = e.end
		// A line of data may have as much as an event, after "data: ".
		if e.end-e.start > e.max+len("data: ") {
			if !skip {
				head := e.buf[e.start:min(e.start+maxHead, e.end)]
				e.field(e.trimMark(head), false)
				skip = true
			}
			e.start, e.end, scanned = 0, 0, 0
		}
		if e.err != nil {
			return nil, false, e.err
		}
		scanned -= e.fill()
	}
}

// trimMark removes the byte order mark that a stream may begin with.
func (e *Reader) trimMark(line []byte) []byte {
	if !e.begun {
		e.begun = true
		line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
	}
	return line
}

// fill reads more, and tells by how much what is there has moved.
func (e *Reader) fill() (moved int) {
	if e.start == e.end {
		moved = e.start
		e.start, e.end = 0, 0
		if cap(e.buf) > keptEvents {
			e.buf = nil
		}
	}
	if e.end == len(e.buf) {
		if e.start > len(e.buf)/2 {
			copy(e.buf, e.buf[e.start:e.end])
		} else {
			grown := make([]byte, max(startEvents, min(2*len(e.buf), e.max+len(e.buf)/2)))
			copy(grown, e.buf[e.start:e.end])
			e.buf = grown
		}
		moved += e.start
		e.start, e.end = 0, e.end-e.start
	}
	n, err := e.r.Read(e.buf[e.end:])
	e.end += n
	if err != nil {
		e.err = err
	} else if n == 0 {
		e.err = io.ErrNoProgress
	}
	return moved
}

// field takes a line with a field, or the start of one that is too long.
func (e *Reader) field(line []byte, whole bool) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	if string(name) == "data" {
		e.addData(value, whole)
		return
	}
	if !whole || len(value) > maxField {
		return
	}
	switch string(name) {
	case "event":
		e.name = string(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			e.newID, e.hasID = string(value), true
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 63); err == nil && isDigits(value) {
			e.Retry = time.Duration(min(ms, uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
		}
	}
}

func (e *Reader) addData(value []byte, whole bool) {
	switch {
	case e.large:
		return
	case !whole || len(e.data)+len(value)+min(e.lines, 1) > e.max:
		e.large = true
		if e.lines > 0 {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, value...)
		e.data = e.data[:min(len(e.data), maxHead)]
	default:
		if e.lines > 0 {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, value...)
	}
	e.lines++
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
