package rpc_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Arbitrary bytes, as lines: nothing panics, everything that is sent is an acceptable response, and each request whose
// id can be read is answered at most once.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		ping(1) + "\n" + ping(`"a"`) + "\r\n\n" + ping(1),
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}` + "\n" +
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"r"}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}`,
		`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"panic"}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"text":"x"}}` + "\n" + `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}`,
		`{"jsonrpc":"2.0","id":1.0,"method":"initialize"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"echo","params":[]}`,
		`{"jsonrpc":"1.0","id":{},"method":"echo"}` + "\n[]\n\"x\"\n{\n",
		`{"jsonrpc":"2.0","id":5,"method":"echo","params":{"text":"` + strings.Repeat("x", 600) + `"}}`,
		strings.Repeat(`{"a":`, 100),
	} {
		f.Add([]byte(seed))
	}
	const most = 512
	silent := new(logs).logger()
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		conn := rpc.NewLineConn(iotest.HalfReader(bytes.NewReader(in)), &out, rpc.LineLimits{Message: most})
		s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, new(handler)), Logger: silent})
		s.Attach(rpc.Link{Stream: conn})
		began := time.Now()
		if err := conn.Run(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 9*time.Second {
			t.Fatalf("it hung for %v", took)
		}
		if n := s.Stats().Panics; n > 0 {
			t.Fatalf("%d panics", n)
		}
		asked := map[rpc.ID]int{}
		for line := range bytes.Lines(in) {
			line = bytes.TrimRight(line, "\r\n")
			if len(line) > most {
				line = line[:most]
			}
			if m := rpc.Salvage(line); m.Kind == rpc.KindRequest {
				asked[m.ID.Canonical()]++
			}
		}
		for line := range bytes.Lines(out.Bytes()) {
			m, err := rpc.Parse(line, wire.Options{})
			if err != nil || !m.IsResponse() {
				t.Fatalf("sent %s: %v", line, err)
			}
			if m.ID.IsZero() {
				continue
			}
			if asked[m.ID.Canonical()]--; asked[m.ID.Canonical()] < 0 {
				t.Fatalf("id %v answered more often than asked", m.ID)
			}
		}
	})
}
