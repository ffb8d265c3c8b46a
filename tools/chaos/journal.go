package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// entry is a line of the journal: what one side saw. The token names a call; Got is what came for it.
type entry struct {
	Pair  int    `json:"pair"`
	What  string `json:"what"`
	Token string `json:"token,omitempty"`
	Got   string `json:"got,omitempty"`
}

// What entries tell.
const (
	entryCall      = "call"      // the client calls
	entryResult    = "result"    // ... and Got a text
	entryError     = "error"     // ... or an error
	entryCancelled = "cancelled" // ... or gave it up
	entryProgress  = "progress"  // ... and Got a report meanwhile
	entryRun       = "run"       // a handler of the pair's session began
	entryRan       = "ran"       // ... and returned
	entryAsked     = "asked"     // the client was asked about a token
	entryAnswer    = "answer"    // the handler that asked Got an answer
	entryDial      = "dial"      // a session opened
	entryNoDial    = "nodial"    // ... or did not
)

// journal is written by everybody while the run goes on, and read afterwards.
type journal struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
	err  error
}

// newJournal makes one at the path, or in a temporary file, which is removed in the end.
func newJournal(path string) (*journal, func(), error) {
	var f *os.File
	var err error
	remove := func() {}
	if path == "" {
		f, err = os.CreateTemp("", "tenon-chaos-*")
		if err == nil {
			remove = func() { _ = os.Remove(f.Name()) }
		}
	} else {
		f, err = os.Create(path)
	}
	if err != nil {
		return nil, nil, err
	}
	return &journal{file: f, out: bufio.NewWriter(f)}, func() { _ = f.Close(); remove() }, nil
}

func (j *journal) note(pair int, what, token, got string) {
	line, err := json.Marshal(entry{pair, what, token, got})
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		_, err = j.out.Write(append(line, '\n'))
	}
	j.err = errors.Join(j.err, err)
}

// read gives a reader from the beginning.
func (j *journal) read() (io.Reader, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.Join(j.err, j.out.Flush()); err != nil {
		return nil, err
	}
	_, err := j.file.Seek(0, io.SeekStart)
	return j.file, err
}

// tokenOf names a call of a pair; pairOf reads the pair from it.
func tokenOf(pair, caller, n int) string { return fmt.Sprintf("p%d-c%d-n%d", pair, caller, n) }

func pairOf(token string) string {
	pair, _, _ := strings.Cut(token, "-")
	return pair
}

// history is what the journal says of one call.
type history struct {
	ends, runs, returned int
}

// verify reads a journal and says what is wrong, and how often each thing happened.
func verify(in io.Reader) (counts map[string]int, err error) {
	counts = map[string]int{}
	calls := map[string]*history{}
	var wrong []error
	blame := func(e entry, why string) {
		if len(wrong) < 20 {
			wrong = append(wrong, fmt.Errorf("%s: pair %d, %s, token %q, got %q", why, e.Pair, e.What, e.Token, e.Got))
		}
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return counts, err
		}
		counts[e.What]++
		if e.What == entryDial || e.What == entryNoDial {
			continue
		}
		h := calls[e.Token]
		if h == nil {
			if e.What != entryCall {
				blame(e, "something was heard of a call that nobody made")
				continue
			}
			h = &history{}
			calls[e.Token] = h
		}
		if pairOf(e.Token) != fmt.Sprint("p", e.Pair) {
			blame(e, "it belongs to another pair")
		}
		switch e.What {
		case entryResult:
			if h.ends++; e.Got != e.Token {
				blame(e, "the result is that of another call")
			}
		case entryError, entryCancelled:
			h.ends++
		case entryProgress, entryAnswer:
			if e.Got != e.Token {
				blame(e, "it is that of another call")
			}
		case entryRun:
			h.runs++
		case entryRan:
			h.returned++
		}
	}
	if err := lines.Err(); err != nil {
		return counts, err
	}
	for token, h := range calls {
		if h.ends != 1 {
			blame(entry{Token: token}, fmt.Sprintf("a call ended %d times, expected once", h.ends))
		}
		if h.runs != h.returned {
			blame(entry{Token: token}, fmt.Sprintf("%d handlers began and %d returned", h.runs, h.returned))
		}
	}
	return counts, errors.Join(wrong...)
}
