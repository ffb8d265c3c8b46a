package tcp_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// FuzzLines gives the server whatever bytes, cut into pieces anywhere: it answers with lines that each are a message, one at
// most to each line that came, and none is longer than allowed. The cuts do not matter.
func FuzzLines(f *testing.F) {
	f.Add([]byte(hello+ping), uint8(0))
	f.Add([]byte(hello+"\r\n\n \t\n"+ping[:20]), uint8(3))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"x":"`+string(bytes.Repeat([]byte("x"), 600))+"\"}}\n"+ping), uint8(7))
	f.Add([]byte("[]\n[{}]\n\xff\xfe\x00\n{\"id\":1,\"id\":2}\nnull\n\"\n"), uint8(1))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{}}`+"\r\r\n"+`{"jsonrpc":"2.0","method":"notifications/cancelled"}`), uint8(2))
	limits := tcp.Limits{Lines: rpc.LineLimits{Message: 512, DrainTime: 5 * time.Second}}
	f.Fuzz(func(t *testing.T, text []byte, cut uint8) {
		if bytes.Contains(text, []byte(`"wait"`)) || bytes.Contains(text, []byte(`"ask"`)) || bytes.Contains(text, []byte(`\u`)) {
			t.Skip("these do not return by themselves")
		}
		server := tcp.NewServer(acceptor(), tcp.WithLimits(limits))
		ours, theirs := net.Pipe()
		ended := make(chan error, 1)
		go func() {
			ended <- server.ServeConn(context.Background(), &pieces{Conn: theirs, text: text, most: int(cut)})
		}()
		lines := 0
		for in := bufio.NewReader(ours); ; lines++ {
			line, err := in.ReadBytes('\n')
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				require.Empty(t, line)
				break
			}
			require.LessOrEqual(t, len(line)-1, 512)
			m, err := rpc.Parse(bytes.TrimSuffix(line, []byte("\n")), wire.Options{})
			require.NoError(t, err)
			require.True(t, m.IsResponse())
		}
		require.NoError(t, <-ended)
		require.LessOrEqual(t, lines, bytes.Count(text, []byte("\n"))+1)
		_ = ours.Close()
	})
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
