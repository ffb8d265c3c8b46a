package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const upgrade = "GET / HTTP/1.1\r\nHost: memory\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Protocol: mcp\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// FuzzFrames gives the server whatever bytes in place of frames, cut into pieces anywhere: what it answers are frames, the
// texts among them messages, none is longer than allowed, and it ends when the bytes do.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(0x81, hello)+frame(0x81, ping)), uint8(0))
	f.Add([]byte(frame(0x01, ping[:9])+frame(0x89, "hi")+frame(0x80, ping[9:])+frame(0x88, "\x03\xe8bye")), uint8(3))
	f.Add([]byte(frame(0x82, ping)), uint8(1))
	f.Add([]byte(frame(0x81, "\xff")), uint8(0))
	f.Add([]byte("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"), uint8(2))
	f.Add([]byte("\x81\xfe\x02\x01\x00\x00\x00\x00"+string(bytes.Repeat([]byte("x"), 513))), uint8(9))
	limits := websocket.Limits{Wire: websocket.Wire{Message: 512, EndTime: 100 * time.Millisecond}}
	f.Fuzz(func(t *testing.T, frames []byte, cut uint8) {
		if bytes.Contains(frames, []byte("wait")) || bytes.Contains(frames, []byte("ask")) || bytes.Contains(frames, []byte("flood")) ||
			bytes.Contains(frames, []byte(`\u`)) {
			t.Skip("these do not return by themselves")
		}
		s := websocket.Handler(acceptor(), websocket.WithLimits(limits))
		ours, theirs := net.Pipe()
		l := &pipes{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		l.conns <- &pieces{Conn: theirs, text: append([]byte(upgrade), frames...), most: int(cut)}
		server := &http.Server{Handler: s}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()

		in := bufio.NewReader(ours)
		resp, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
		for {
			kind, payload, err := readFrame(in)
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			switch kind {
			case 1:
				require.LessOrEqual(t, len(payload), 512)
				m, err := rpc.Parse(payload, wire.Options{})
				require.NoError(t, err)
				require.True(t, m.IsResponse())
			case 8:
				if len(payload) > 0 {
					require.GreaterOrEqual(t, len(payload), 2)
					require.True(t, utf8.Valid(payload[2:]) || bytes.Contains(frames, payload[2:]))
				}
			default:
				require.EqualValues(t, 10, kind)
			}
		}
		_ = ours.Close()
		require.NoError(t, s.Shutdown(context.Background()))
		require.Zero(t, s.Stats().Connections)
		require.NoError(t, server.Close())
		<-served
	})
}

// readFrame reads a frame of a server, which is whole and not masked.
func readFrame(in *bufio.Reader) (kind byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, io.EOF
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var size uint16
		err = binary.Read(in, binary.BigEndian, &size)
		n = uint64(size)
	case 127:
		err = binary.Read(in, binary.BigEndian, &n)
	}
	if err != nil {
		return 0, nil, io.EOF
	}
	payload = make([]byte, min(n, 1<<20))
	if _, err := io.ReadFull(in, payload); err != nil {
		return 0, nil, io.EOF
	}
	return head[0] & 0x0f, payload, nil
}

// pieces is a connection whose input is a text that comes in pieces.
type pieces struct {
	net.Conn
	text []byte
	most int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	if p.most > 0 {
		b = b[:min(len(b), p.most)]
	}
	n := copy(b, p.text)
	p.text = p.text[n:]
	return n, nil
}
