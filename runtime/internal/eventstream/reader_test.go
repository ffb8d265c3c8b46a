package eventstream

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// readAll gives what a stream holds as text: a line for each event, and one for what it says of itself.
func readAll(r io.Reader, most int) string {
	e := NewReader(r, most)
	var b strings.Builder
	for {
		ev, err := e.Next()
		if err != nil {
			fmt.Fprintf(&b, "id=%q retry=%d", e.ID, e.Retry/time.Millisecond)
			if err != io.EOF {
				fmt.Fprintf(&b, " %v", err)
			}
			return b.String()
		}
		fmt.Fprintf(&b, "%s|%s|%v\n", ev.Name, ev.Data, ev.Large)
	}
}

func TestReader(t *testing.T) {
	for in, want := range map[string]string{
		"":                          `id="" retry=0`,
		"data: a\n\n":               "|a|false\n" + `id="" retry=0`,
		"data:a\ndata: b\ndata\n\n": "|a\nb\n|false\n" + `id="" retry=0`,
		"data:  a\r\n\r\ndata: b\r\rdata: c\n\r\n": "| a|false\n|b|false\n|c|false\n" + `id="" retry=0`,
		"\xEF\xBB\xBFdata: a\n\n":                  "|a|false\n" + `id="" retry=0`,
		"event: x\nid: 1\ndata: a\n\ndata: b\n\n":  "x|a|false\n|b|false\n" + `id="1" retry=0`,
		": comment\n\n:\nfoo: bar\n\n":             `id="" retry=0`,
		"id: 7\nretry: 500\ndata:\n\n":             `id="7" retry=500`,
		"id: 7\n\nid: 8\n":                         `id="7" retry=0`,
		"id: 7\n\nid\n\n":                          `id="" retry=0`,
		"id: 7\n\nid: a\x00b\n\n":                  `id="7" retry=0`,
		"retry: 1.5\n\nretry: -1\n\nretry:\n\n":    `id="" retry=0`,
		"data: not complete\n":                     `id="" retry=0`,
		"data: 12345678901\n\ndata: b\n\n":         "|1234567890|true\n|b|false\n" + `id="" retry=0`,
		"data: 123456\ndata: 123\n\n":              "|123456\n123|false\n" + `id="" retry=0`,
		"data: 123456\ndata: 1234\n\n":             "|123456\n1234|true\n" + `id="" retry=0`,
		"data: x\nfoo: 12345678901234567890\n\n":   "|x|false\n" + `id="" retry=0`,
	} {
		for name, r := range map[string]io.Reader{
			"at once": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in)),
			"with its error": iotest.DataErrReader(strings.NewReader(in)),
		} {
			got := readAll(r, 10)
			if strings.Contains(want, "|true") { // how much there is of what is too long depends on the pieces
				require.Equal(t, strings.Count(want, "|true"), strings.Count(got, "|true"), "%q %s: %s", in, name, got)
				continue
			}
			require.Equal(t, want, got, "%q %s", in, name)
		}
	}
	require.Equal(t, `id="" retry=0 broken`, readAll(iotest.ErrReader(errors.New("broken")), 10))
}

func TestReaderGivesTheStartOfWhatIsTooLarge(t *testing.T) {
	big := `{"jsonrpc":"2.0","id":5,"result":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`
	e := NewReader(strings.NewReader("id: 1\ndata: "+big+"\n\ndata: {}\n\n"), 100_000)
	ev, err := e.Next()
	require.NoError(t, err)
	require.True(t, ev.Large)
	m := rpc.Salvage(ev.Data)
	require.Equal(t, rpc.KindResult, m.Kind)
	require.Equal(t, "5", m.ID.String())
	require.Less(t, cap(e.buf), 300_000, "it is not held")
	ev, err = e.Next()
	require.NoError(t, err)
	require.Equal(t, "{}", string(ev.Data))
	require.Equal(t, "1", e.ID)
}

// FuzzReader compares the reader with one that has the whole text, and with itself on other pieces of it.
func FuzzReader(f *testing.F) {
	f.Add("id: 1\nretry: 5\ndata: a\n\n", uint8(3))
	f.Add("data: a\r\ndata:b\r\r\n\n:x\nevent: y\n\n", uint8(1))
	f.Add("\xEF\xBB\xBFid\ndata\n\ndata: \n\n", uint8(2))
	f.Fuzz(func(t *testing.T, in string, size uint8) {
		whole := readAll(strings.NewReader(in), 1<<20)
		require.Equal(t, model(in), whole)
		require.Equal(t, whole, readAll(&pieces{in, int(size)%16 + 1}, 1<<20))
		_ = readAll(&pieces{in, int(size)%16 + 1}, 5) // must end
	})
}

// pieces reads a text in pieces of some size.
type pieces struct {
	rest string
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// model is the specification's algorithm on a whole text, as simple as can be.
func model(in string) string {
	in = strings.TrimPrefix(in, "\xEF\xBB\xBF")
	in = strings.ReplaceAll(strings.ReplaceAll(in, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(in, "\n")
	lines = lines[:len(lines)-1] // what has no end does not count
	var out strings.Builder
	var name, id, last string
	var data []string
	retry := int64(0)
	for _, line := range lines {
		if line == "" {
			last = id
			if text := strings.Join(data, "\n"); text != "" {
				fmt.Fprintf(&out, "%s|%s|false\n", name, text)
			}
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			data = append(data, value)
		case "event":
			if len(value) <= maxField {
				name = value
			}
		case "id":
			if len(value) <= maxField && !strings.Contains(value, "\x00") {
				id = value
			}
		case "retry":
			var ms int64
			if len(value) <= 12 && isDigits([]byte(value)) {
				_, _ = fmt.Sscanf(value, "%d", &ms)
				retry = ms
			} else if isDigits([]byte(value)) {
				return readAll(strings.NewReader(in), 1<<20) // the model has no numbers that large
			}
		}
	}
	fmt.Fprintf(&out, "id=%q retry=%d", last, retry)
	return out.String()
}
