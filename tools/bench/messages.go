package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
)

const (
	initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
		`"capabilities":{},"clientInfo":{"name":"bench","version":"1.0.0"}}}` + "\n"
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"

	// Every id of a call has seven digits, so that all requests have one size and all answers another.
	firstID  = 1_000_000
	maxCalls = 9_000_000
)

// answerSize is the length of the answer to any call, its newline included.
var answerSize = len(appendAnswer(nil, 0))

// appendCall appends the request of call i, which greets somebody nobody else greets.
func appendCall(dst []byte, i int) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, int64(firstID+i), 10)
	dst = append(dst, `,"method":"tools/call","params":{"name":"greet","arguments":{"name":"`...)
	dst = appendName(dst, i)
	return append(dst, "\"}}}\n"...)
}

// appendList appends the request of list i.
func appendList(dst []byte, i int) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, int64(firstID+i), 10)
	return append(dst, `,"method":"tools/list"}`...)
}

// sizeOf is the length of the shortest right answer over HTTP, to any call or list.
func sizeOf(what string) int {
	if what == httpList {
		return len(catalogue.Answer(firstID))
	}
	return answerSize
}

// appendAnswer appends the shortest right answer to call i. Servers may write theirs in another way.
func appendAnswer(dst []byte, i int) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, int64(firstID+i), 10)
	dst = append(dst, `,"result":{"content":[{"type":"text","text":"hello, `...)
	dst = appendName(dst, i)
	return append(dst, "\"}]}}\n"...)
}

func appendName(dst []byte, i int) []byte {
	return strconv.AppendInt(append(dst, "caller "...), int64(firstID+i), 10)
}

// response is what the harness looks at in a line from a server.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Error   json.RawMessage `json:"error"`
	Result  *struct {
		ProtocolVersion string `json:"protocolVersion"`
		IsError         bool   `json:"isError"`
		Content         []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"content"`
		Tools []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			InputSchema json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
	} `json:"result"`
}

// parseResponse reads a line as a successful response.
func parseResponse(line []byte) (response, error) {
	var r response
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("not a message: %w: %s", err, excerpt(line))
	}
	if r.Version != "2.0" || r.Method != "" || r.ID == nil {
		return r, fmt.Errorf("not a response: %s", excerpt(line))
	}
	if r.Error != nil || r.Result == nil || r.Result.IsError {
		return r, fmt.Errorf("not a success: %s", excerpt(line))
	}
	return r, nil
}

// checkInitialize accepts the answer to initialize.
func checkInitialize(line []byte) error {
	r, err := parseResponse(line)
	if err != nil {
		return err
	}
	if string(r.ID) != "1" || r.Result.ProtocolVersion != "2025-11-25" {
		return fmt.Errorf("not the answer to initialize: %s", excerpt(line))
	}
	return nil
}

// checkAnswers accepts lines as the answers to the calls 0 to len(lines)-1, in any order but each
// exactly once, and returns which call each line answers.
func checkAnswers(lines [][]byte) ([]int, error) {
	calls := make([]int, len(lines))
	answered := make([]bool, len(lines))
	for k, line := range lines {
		r, err := parseResponse(line)
		if err != nil {
			return nil, fmt.Errorf("answer %d: %w", k, err)
		}
		id, err := strconv.Atoi(string(r.ID))
		i := id - firstID
		if err != nil || i < 0 || i >= len(lines) {
			return nil, fmt.Errorf("answer %d: id %s is of no call: %s", k, r.ID, excerpt(line))
		}
		if answered[i] {
			return nil, fmt.Errorf("answer %d: id %s has been answered before", k, r.ID)
		}
		answered[i] = true
		want := "hello, " + string(appendName(nil, i))
		if c := r.Result.Content; len(c) != 1 || c[0].Type != "text" || c[0].Text != want {
			return nil, fmt.Errorf("answer %d: want the text %q: %s", k, want, excerpt(line))
		}
		calls[k] = i
	}
	return calls, nil
}

// checkAnswer accepts a message as the answer to call i.
func checkAnswer(text []byte, i int) error {
	r, err := parseResponse(text)
	if err != nil {
		return err
	}
	want := "hello, " + string(appendName(nil, i))
	if c := r.Result.Content; string(r.ID) != strconv.Itoa(firstID+i) || len(c) != 1 || c[0].Type != "text" || c[0].Text != want {
		return fmt.Errorf("want the id %d and the text %q: %s", firstID+i, want, excerpt(text))
	}
	return nil
}

// checkList accepts a message as the answer to list i: all tools of the catalogue, in any order.
func checkList(text []byte, i int) error {
	r, err := parseResponse(text)
	if err != nil {
		return err
	}
	if string(r.ID) != strconv.Itoa(firstID+i) {
		return fmt.Errorf("want the id %d: %s", firstID+i, excerpt(text))
	}
	left := map[string]catalogue.Tool{}
	for _, t := range catalogue.Tools() {
		left[t.Name] = t
	}
	for _, got := range r.Result.Tools {
		want, ok := left[got.Name]
		if !ok {
			return fmt.Errorf("the tool %q is not one of the catalogue, or twice in the list", got.Name)
		}
		if got.Description != want.Description || !sameJSON(got.InputSchema, []byte(want.Schema)) {
			return fmt.Errorf("the tool %q is another than that of the catalogue", got.Name)
		}
		delete(left, got.Name)
	}
	if len(left) > 0 {
		return fmt.Errorf("%d tools are missing", len(left))
	}
	return nil
}

// sameJSON reports whether two texts are the same but for the order of members and blanks.
func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// checkSizes accepts lines that have the right length, for servers that cannot be asked for more.
// They answer in order, so line k answers call k.
func checkSizes(lines [][]byte) ([]int, error) {
	calls := make([]int, len(lines))
	for k, line := range lines {
		if len(line) != answerSize {
			return nil, fmt.Errorf("answer %d: %d bytes, want %d", k, len(line), answerSize)
		}
		calls[k] = k
	}
	return calls, nil
}

// excerpt is the beginning of a line, for errors.
func excerpt(line []byte) string {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) > 200 {
		return string(line[:200]) + " (and more)"
	}
	return string(line)
}
