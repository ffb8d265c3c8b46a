package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessagesHaveOneSize(t *testing.T) {
	for _, i := range []int{1, 999, maxCalls - 1} {
		require.Len(t, appendCall(nil, i), len(appendCall(nil, 0)))
		require.Len(t, appendAnswer(nil, i), answerSize)
	}
}

func TestCheckAnswers(t *testing.T) {
	right := func(i int) string { return string(appendAnswer(nil, i)) }
	edited := func(i int, old, new string) string {
		line := strings.Replace(right(i), old, new, 1)
		require.NotEqual(t, right(i), line)
		return line
	}
	for _, c := range []struct {
		name  string
		lines []string
		calls []int
		err   string
	}{
		{name: "in order", lines: []string{right(0), right(1)}, calls: []int{0, 1}},
		{name: "in another order", lines: []string{right(2), right(0), right(1)}, calls: []int{2, 0, 1}},
		{
			name:  "members in another order, and more of them",
			lines: []string{`{"result":{"isError":false,"_meta":{"id":7},"content":[{"text":"hello, caller 1000000","type":"text"}]},"id":1000000,"jsonrpc":"2.0"}` + "\r\n"},
			calls: []int{0},
		},
		{name: "the same twice", lines: []string{right(0), right(0)}, err: "answer 1: id 1000000 has been answered before"},
		{name: "an id nobody used", lines: []string{right(1)}, err: "answer 0: id 1000001 is of no call"},
		{name: "an id of another kind", lines: []string{edited(0, "1000000", `"1000000"`)}, err: `answer 0: id "1000000" is of no call`},
		{name: "the text of another call", lines: []string{edited(0, "caller 1000000", "caller 1000001")}, err: `want the text "hello, caller 1000000"`},
		{name: "no text", lines: []string{edited(0, `"type":"text"`, `"type":"image"`)}, err: "want the text"},
		{name: "a tool error", lines: []string{edited(0, `"content"`, `"isError":true,"content"`)}, err: "not a success"},
		{name: "a protocol error", lines: []string{`{"jsonrpc":"2.0","id":1000000,"error":{"code":-32602,"message":"no"}}`}, err: "not a success"},
		{name: "a notification", lines: []string{`{"jsonrpc":"2.0","method":"notifications/message","params":{}}`}, err: "not a response"},
		{name: "no JSON", lines: []string{"panic: oh\n"}, err: "not a message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines [][]byte
			for _, line := range c.lines {
				lines = append(lines, []byte(line))
			}
			calls, err := checkAnswers(lines)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.calls, calls)
		})
	}
}

func TestCheckSizes(t *testing.T) {
	calls, err := checkSizes([][]byte{bytes.Repeat([]byte("x"), answerSize), bytes.Repeat([]byte("y"), answerSize)})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, calls)
	_, err = checkSizes([][]byte{[]byte("short\n")})
	require.EqualError(t, err, fmt.Sprintf("answer 0: 6 bytes, want %d", answerSize))
}

func TestCheckInitialize(t *testing.T) {
	const right = `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`
	require.NoError(t, checkInitialize([]byte(right)))
	for _, version := range []string{"2024-11-05", ""} {
		err := checkInitialize([]byte(strings.Replace(right, "2025-11-25", version, 1)))
		require.ErrorContains(t, err, "not the answer to initialize")
	}
}

func TestExcerptIsShort(t *testing.T) {
	require.Equal(t, "short", excerpt([]byte("short\r\n")))
	require.Less(t, len(excerpt(bytes.Repeat([]byte("x"), 1<<20))), 300)
}
