package transporttest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Dial makes a network connection, as the method DialContext of a net.Dialer does.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// RunNetwork tests a transport over networks that misbehave: that deliver in small pieces, that are slow, and that break
// after any number of bytes. open gives a transport to a server, as for [Run], which makes all its connections with dial,
// and does not wait long before it tries anything again. What it sets up must end though calls may be in flight.
func RunNetwork(t *testing.T, open func(t *testing.T, dial Dial) rpc.Transport) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, n *network, transport rpc.Transport)
	}{
		{"in small pieces", inPieces},
		{"a client that reads slowly", slowReader},
		{"what the client sends breaks off", func(t *testing.T, n *network, transport rpc.Transport) { breaks(t, n, transport, true) }},
		{"what the server sends breaks off", func(t *testing.T, n *network, transport rpc.Transport) { breaks(t, n, transport, false) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) })
			n := &network{left: -1, conns: map[net.Conn]struct{}{}}
			test.run(t, n, open(t, n.dial))
		})
	}
}

// network is a network for one test. Its fields are set while nothing uses it.
type network struct {
	piece int           // most bytes read or written at once; 0: any number
	pause time.Duration // before each read

	mu    sync.Mutex
	sent  bool // left counts what the client sends, not what it receives
	left  int  // bytes until everything breaks; negative: it does not
	moved int  // bytes so far that left counts
	conns map[net.Conn]struct{}
}

var errBroken = errors.New("the network is broken")

// set begins anew: everything breaks after so many bytes.
func (n *network) set(sent bool, left int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent, n.left, n.moved = sent, left, 0
}

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	broken := n.left == 0
	n.mu.Unlock()
	if broken {
		return nil, errBroken
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c] = struct{}{}
	return &shaky{c, n}, nil
}

// move tells how many of so many bytes pass, and breaks everything if that is not all.
func (n *network) move(sent bool, bytes int) (pass int, broken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if sent != n.sent {
		return bytes, n.left == 0
	}
	if n.left < 0 || bytes < n.left {
		n.moved += bytes
		n.left -= min(bytes, max(n.left, 0))
		return bytes, false
	}
	pass, n.left = n.left, 0
	n.moved += pass
	return pass, true
}

// hangUp closes all connections.
func (n *network) hangUp() {
	n.mu.Lock()
	conns := n.conns
	n.conns = map[net.Conn]struct{}{}
	n.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
}

// shaky is a connection of a network.
type shaky struct {
	net.Conn
	n *network
}

func (s *shaky) Read(b []byte) (int, error) {
	if s.n.pause > 0 {
		time.Sleep(s.n.pause)
	}
	if s.n.piece > 0 {
		b = b[:min(len(b), s.n.piece)]
	}
	read, err := s.Conn.Read(b)
	pass, broken := s.n.move(false, read)
	if broken {
		s.n.hangUp()
		if pass == 0 {
			return 0, io.EOF
		}
		return pass, nil
	}
	return read, err
}

func (s *shaky) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		piece := b[written:]
		if s.n.piece > 0 {
			piece = piece[:min(len(piece), s.n.piece)]
		}
		pass, broken := s.n.move(true, len(piece))
		m, err := s.Conn.Write(piece[:pass])
		written += m
		if broken {
			s.n.hangUp()
			return written, errBroken
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// converse uses most of what a session can do. The error is the first.
func converse(ctx context.Context, p *peer) error {
	_, err := p.echo(ctx, wire.MustRaw(`{"a":"\u00fc"}`))
	return errors.Join(err,
		p.Notify(ctx, methodNote, numbers{"i": 1}.raw()),
		p.Call(ctx, methodCountUp, numbers{"n": 2}.raw(), nil),
		p.Call(ctx, methodAsk, wire.MustRaw(`{"q":1}`), nil))
}

func inPieces(t *testing.T, n *network, transport rpc.Transport) {
	for _, n.piece = range []int{1, 2, 7} {
		p := connect(t, transport)
		require.NoError(t, converse(bounded(t), p), n.piece)
		require.NoError(t, p.conn.Close())
		n.hangUp()
	}
}

// slowReader reads an answer that is larger than what networks and queues hold.
func slowReader(t *testing.T, n *network, transport rpc.Transport) {
	n.piece, n.pause = 32<<10, time.Millisecond
	p := connect(t, transport)
	params := filled(4 << 20)
	raw, err := p.echo(bounded(t), params)
	require.NoError(t, err)
	require.True(t, raw.String() == params.String())
}

// offsets is at how many places a conversation is broken.
const offsets = 150

// breaks breaks a conversation after any number of bytes, or after some of them if there are many: every call ends, the
// connection can be closed, and the server goes on.
func breaks(t *testing.T, n *network, transport rpc.Transport, sent bool) {
	n.set(sent, -1)
	whole := connect(t, transport)
	require.NoError(t, converse(bounded(t), whole))
	n.mu.Lock()
	total := n.moved
	n.mu.Unlock()
	require.NoError(t, whole.conn.Close())
	n.hangUp()
	places := offsets
	if testing.Short() {
		places /= 10
	}
	for left := 1; left < total; left += max(total/places, 1) {
		n.set(sent, left)
		p, err := attempt(bounded(t), transport)
		if err == nil {
			err = converse(bounded(t), p)
		}
		require.NotErrorIs(t, err, context.DeadlineExceeded, "after %d of %d bytes", left, total)
		if p.conn != nil {
			_ = p.conn.Close() // what it says of such a network is the transport's
			<-p.Done()
		}
		n.hangUp()
	}
	n.set(sent, -1)
	require.NoError(t, converse(bounded(t), connect(t, transport)), "the server goes on")
}
