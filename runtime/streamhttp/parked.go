package streamhttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// parked is a connection that was taken over from net/http in the middle of an event stream: it holds no buffers, and has
// no goroutine while nothing is to be written. The framing of the response, in chunks, is continued by hand.
type parked struct {
	h     *Server
	st    *stream
	conn  conn // what the stream knows it by
	net   net.Conn
	leave func() // called once, at the end
	timer *time.Timer

	mu      sync.Mutex
	writing bool // a goroutine writes
	again   bool // ... and is to look again
	silent  bool // a comment is due
	over    bool
	unwatch func()      // nil before the client's going away is watched for
	expiry  *time.Timer // when the request's context ends by itself; nil: never
}

// takesOver reports whether the connection of a response may be taken over: only where we know how its body is framed.
func (h *Server) takesOver(w http.ResponseWriter, r *http.Request) bool {
	header := w.Header()
	return !h.keepConns && r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.Method == http.MethodGet &&
		len(header["Content-Encoding"]) == 0 && len(header["Content-Length"]) == 0 && len(header["Transfer-Encoding"]) == 0
}

// takeOver makes a connection taken over from net/http carry the stream in place of c; false if that cannot be. The header
// and what was queued before have been written and flushed.
func (h *Server) takeOver(ctx context.Context, out *http.ResponseController, st *stream, c *conn, leave func()) bool {
	taken, buffered, err := out.Hijack()
	if err != nil {
		if !errors.Is(err, http.ErrNotSupported) {
			h.log.Debug("streamhttp: a connection could not be taken over", "error", err)
		}
		return false
	}
	p := &parked{h: h, st: st, net: taken, leave: leave}
	p.conn.parked = p
	p.timer = time.AfterFunc(h.limits.KeepAlive, p.quiet)
	st.mu.Lock()
	attached := st.conn == c
	if attached {
		st.conn = &p.conn
	}
	st.mu.Unlock()
	if !attached || buffered.Reader.Buffered() > 0 { // another connection carries the stream, or the client said something
		_ = p.chunk(nil, true)
		p.end()
		return true
	}
	unwatch := watch(taken, p.end)
	p.mu.Lock()
	p.unwatch = unwatch
	over := p.over
	if end, ok := ctx.Deadline(); ok && !over { // middleware's: when the credential expires
		p.expiry = time.AfterFunc(time.Until(end), p.end)
	}
	p.mu.Unlock()
	if over {
		unwatch()
	}
	p.wake() // for what was queued meanwhile
	return true
}

// wake has what is queued written. It does not wait for that.
func (p *parked) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over:
	case p.writing:
		p.again = true
	default:
		p.writing = true
		go p.write()
	}
}

// quiet is called when the stream has been silent for a while.
func (p *parked) quiet() {
	p.mu.Lock()
	p.silent = true
	p.mu.Unlock()
	p.wake()
}

// write writes as long as there is something to write.
func (p *parked) write() {
	for {
		frames, upTo, last, ok := p.st.take(&p.conn)
		p.mu.Lock()
		comment := p.silent && len(frames) == 0 && ok && !last
		p.silent, p.again = false, false
		p.mu.Unlock()
		if comment {
			frames = append(takeBuffer(), keepAlive...)
		}
		last = last || !ok // another connection carries the stream
		if p.chunk(frames, last) != nil || last {
			p.end()
			return
		}
		p.st.wrote(upTo)
		if len(frames) > 0 {
			giveBuffer(frames)
			p.timer.Reset(p.h.limits.KeepAlive)
		}
		p.mu.Lock()
		if p.writing = p.again || p.silent; !p.writing {
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
	}
}

// chunk writes frames as a chunk, and the end of the body after the last one.
func (p *parked) chunk(frames []byte, last bool) error {
	if len(frames) == 0 && !last {
		return nil
	}
	b := takeBuffer()
	if len(frames) > 0 {
		b = strconv.AppendUint(b, uint64(len(frames)), 16)
		b = append(b, "\r\n"...)
		b = append(b, frames...)
		b = append(b, "\r\n"...)
	}
	if last {
		b = append(b, "0\r\n\r\n"...)
	}
	defer giveBuffer(b)
	if err := p.net.SetWriteDeadline(time.Now().Add(p.h.limits.WriteTime)); err != nil {
		return err
	}
	if _, err := p.net.Write(b); err != nil {
		return fmt.Errorf("writing to a client: %w", err)
	}
	return nil
}

// end gives the connection up.
func (p *parked) end() {
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.over = true
	unwatch := p.unwatch
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	p.timer.Stop()
	p.st.detach(&p.conn)
	_ = p.net.Close() // there is nobody to tell
	p.leave()
}

// watchByReading calls gone when the client says something, which it has no cause to, or goes away. What it returns stops
// that.
func watchByReading(c net.Conn, gone func()) (stop func()) {
	stopped := make(chan struct{})
	go func() {
		var b [1]byte
		_, _ = c.Read(b[:]) // whichever it is
		select {
		case <-stopped:
		default:
			gone()
		}
	}()
	return sync.OnceFunc(func() { close(stopped) }) // closing the connection ends the read
}
