// Command bare is the limit of the harness: a program that understands nothing. It reads a line, or the body of an HTTP
// request, and answers with canned bytes, so what it costs is what the operating system and net/http ask for moving them.
//
//	bare [-http ADDRESS] [-events N -event SIZE] SIZE
//	bare -speak [-http ADDRESS]
//
// Each answer is SIZE bytes long, its newline included, and leaves in one write of its own: one line in, one line out.
// Over HTTP a message without id is answered with status 202, and a GET with the head of an event stream, whose
// connection is then taken over and kept without a goroutine. With -events a call of a tool is answered with a stream of N
// events of so many bytes, each flushed, and one of SIZE bytes. With -speak it is for clients: it understands just enough to
// answer each request under its id, and every call of a tool with the same text.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("bare", flag.ContinueOnError)
	address := flags.String("http", "", "address to serve HTTP at")
	events := flags.Int("events", 0, "events before the answer to a call of a tool")
	event := flags.Int("event", 0, "bytes of each")
	speak := flags.Bool("speak", false, "answer so that a client understands it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *speak {
		if *address != "" {
			return web.Serve("bare", *address, &site{speak: true})
		}
		return speakLines()
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("usage: bare [-http ADDRESS] [-events N -event SIZE] SIZE")
	}
	size, err := strconv.Atoi(flags.Arg(0))
	if err != nil || size < 1 {
		return fmt.Errorf("SIZE is %q, want a positive number of bytes", flags.Arg(0))
	}
	answer := append(bytes.Repeat([]byte{'.'}, size-1), '\n')
	if *address != "" {
		s := &site{answer: answer, events: *events, event: dots(*event)}
		return web.Serve("bare", *address, s)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 64<<10), 64<<10) // as much as a pipe holds, so that a read never splits a burst
	for lines.Scan() {
		if _, err := os.Stdout.Write(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// site serves HTTP.
type site struct {
	answer []byte
	events int
	event  []byte
	speak  bool

	mu     sync.Mutex
	parked []net.Conn
}

func dots(n int) []byte { return bytes.Repeat([]byte{'.'}, n) }

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.park(w)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if s.speak {
		s.say(w, body)
		return
	}
	switch {
	case !bytes.Contains(body, []byte(`"id"`)):
		w.WriteHeader(http.StatusAccepted)
	case s.events > 0 && bytes.Contains(body, []byte(`"tools/call"`)):
		s.stream(w)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(s.answer)))
		_, _ = w.Write(s.answer)
	}
}

func (s *site) stream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := w.(http.Flusher)
	for range s.events {
		_, _ = w.Write(s.event)
		flusher.Flush()
	}
	_, _ = w.Write(s.answer)
}

// park answers with the head of a stream and keeps the connection.
func (s *site) park(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	if control.Flush() != nil {
		return
	}
	conn, _, err := control.Hijack()
	if err != nil {
		return
	}
	s.mu.Lock()
	s.parked = append(s.parked, conn)
	s.mu.Unlock()
}
