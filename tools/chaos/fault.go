package main

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// fault is what may happen to a message.
type fault int

const (
	faultNone fault = iota
	faultDelay
	faultDrop
	faultDouble
	faultTruncate
	faultReorder
	faultCut
	faultKinds
)

var faultNames = [faultKinds]string{"none", "delay", "drop", "double", "truncate", "reorder", "cut"}

// faults says how much goes wrong, and counts it.
type faults struct {
	part float64
	n    [faultKinds]atomic.Int64
}

// weights are how often each fault is drawn: a cut ends everything on the connection, so it is rare.
var weights = [faultKinds]int{faultDelay: 30, faultDrop: 15, faultDouble: 20, faultTruncate: 10, faultReorder: 20, faultCut: 5}

func (f *faults) draw() fault {
	if rand.Float64() >= f.part {
		return faultNone
	}
	n := rand.IntN(100)
	for k, w := range weights {
		if n -= w; n < 0 {
			return fault(k)
		}
	}
	return faultNone
}

func (f *faults) note(k fault) { f.n[k].Add(1) }

// maxDelay is how long something is delayed at most.
const maxDelay = 50 * time.Millisecond

func pause() time.Duration { return rand.N(maxDelay) }

// handshake is how many messages of either side keep their order: those that open the session.
const handshake = 2

// lineRelay carries lines between two connections, and does to them what the faults say, until one of them ends.
func lineRelay(a, b net.Conn, f *faults) {
	var both, late sync.WaitGroup
	cut := func() { _ = a.Close(); _ = b.Close() }
	both.Go(func() { defer cut(); carryLines(a, b, f, &late, cut) })
	both.Go(func() { defer cut(); carryLines(b, a, f, &late, cut) })
	both.Wait()
	late.Wait()
}

func carryLines(from io.Reader, to io.Writer, f *faults, late *sync.WaitGroup, cut func()) {
	var mu sync.Mutex // lines that come late must not fall into others
	write := func(b []byte) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := to.Write(b)
		return err
	}
	in := bufio.NewReader(from)
	for n := 0; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		k := f.draw()
		if k == faultReorder && n < handshake {
			k = faultDelay
		}
		f.note(k)
		switch k {
		case faultDelay:
			time.Sleep(pause())
		case faultDrop:
			continue
		case faultDouble:
			if err := write(line); err != nil {
				return
			}
		case faultTruncate:
			line = append(line[:rand.IntN(len(line))], '\n')
		case faultReorder:
			late.Add(1)
			time.AfterFunc(pause(), func() { defer late.Done(); _ = write(line) }) // others go first
			continue
		case faultCut:
			_ = write(line[:rand.IntN(len(line))])
			cut()
			return
		}
		if err := write(line); err != nil {
			return
		}
	}
}

// byteRelay listens and carries bytes to an address, with delays, and with cuts at any byte.
type byteRelay struct {
	l    net.Listener
	to   string
	f    *faults
	work sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newByteRelay(to string, f *faults) (*byteRelay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &byteRelay{l: l, to: to, f: f, conns: map[net.Conn]struct{}{}}
	r.work.Go(r.accept)
	return r, nil
}

func (r *byteRelay) accept() {
	for {
		c, err := r.l.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", r.to)
		if err != nil || !r.keep(c, up) {
			_ = c.Close()
			continue
		}
		var both sync.WaitGroup
		end := func() { _ = c.Close(); _ = up.Close() }
		both.Go(func() { defer end(); r.carry(c, up) })
		both.Go(func() { defer end(); r.carry(up, c) })
		r.work.Go(func() { both.Wait(); r.forget(c, up) })
	}
}

func (r *byteRelay) carry(from, to net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		switch k := r.f.draw(); k {
		case faultCut, faultTruncate:
			r.f.note(faultCut)
			_, _ = to.Write(buf[:rand.IntN(n)])
			return
		case faultNone:
			r.f.note(k)
		default: // TCP neither drops nor doubles
			r.f.note(faultDelay)
			time.Sleep(pause())
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (r *byteRelay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		if r.closed {
			_ = c.Close()
			continue
		}
		r.conns[c] = struct{}{}
	}
	return !r.closed
}

func (r *byteRelay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.conns, c)
	}
}

func (r *byteRelay) close() {
	_ = r.l.Close()
	r.mu.Lock()
	r.closed = true
	for c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}
