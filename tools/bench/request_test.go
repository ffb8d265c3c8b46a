package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var requests = []request{greet{}, text(64), image{}, count(3), list{}}

// TestRequestsHaveOneSize: so every server reads as much in every call, and bare answers with as much as the others.
func TestRequestsHaveOneSize(t *testing.T) {
	for _, req := range requests {
		for _, i := range []int{1, 999, maxCalls - 1} {
			require.Len(t, req.append(nil, i), len(req.append(nil, 0)))
			require.Len(t, req.answer(nil, i), len(req.answer(nil, 0)))
		}
	}
}

// TestTheShortestAnswersAreRight: what bare's length is measured by is an answer that would be accepted.
func TestTheShortestAnswersAreRight(t *testing.T) {
	for _, req := range requests {
		if _, ok := req.(count); !ok {
			require.NoError(t, req.check([][]byte{req.answer(nil, 3)}, 3))
		}
	}
	require.InDelta(t, 33<<10, len(list{}.answer(nil, 0)), 1<<10)
	require.InDelta(t, 64<<10, len(image{}.answer(nil, 0)), 1<<10)
}

func TestCheckLines(t *testing.T) {
	right := func(i int) string { return string(greet{}.answer(nil, i)) }
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
		{name: "a notification", lines: []string{`{"jsonrpc":"2.0","method":"notifications/message","params":{}}`}, err: "is of no call"},
		{name: "no JSON", lines: []string{"panic: oh\n"}, err: "not a message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines [][]byte
			for _, line := range c.lines {
				lines = append(lines, []byte(line))
			}
			calls, err := checkLines(greet{}, false, lines)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.calls, calls)
		})
	}
}

func TestCheckLinesOfBare(t *testing.T) {
	size := len(greet{}.answer(nil, 0)) + 1
	calls, err := checkLines(greet{}, true, [][]byte{bytes.Repeat([]byte("x"), size), bytes.Repeat([]byte("y"), size)})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, calls)
	_, err = checkLines(greet{}, true, [][]byte{[]byte("short\n")})
	require.EqualError(t, err, fmt.Sprintf("answer 0: 6 bytes, want %d", size))
}

func TestCheckInitialize(t *testing.T) {
	require.NoError(t, checkInitialize([]byte(helloInitialize)))
	for _, version := range []string{"2024-11-05", ""} {
		err := checkInitialize([]byte(strings.Replace(helloInitialize, "2025-11-25", version, 1)))
		require.ErrorContains(t, err, "not the answer to initialize")
	}
}

func TestMessages(t *testing.T) {
	require.Equal(t, []string{`{"a":1}`}, texts(messages([]byte(`{"a":1}`))))
	require.Equal(t, []string{`{"a":1}`, `{"b":2}`}, texts(messages([]byte("id: 1\ndata:\n\ndata: {\"a\":1}\n\nevent: message\ndata: {\"b\":2}\n\n"))))
	require.Nil(t, last(messages(nil)))
}

func texts(all [][]byte) (s []string) {
	for _, m := range all {
		s = append(s, string(m))
	}
	return s
}

func TestExcerptIsShort(t *testing.T) {
	require.Equal(t, "short", excerpt([]byte("short\r\n")))
	require.Less(t, len(excerpt(bytes.Repeat([]byte("x"), 1<<20))), 300)
}
