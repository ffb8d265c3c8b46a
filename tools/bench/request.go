package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/fixture"
)

const (
	initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
		`"capabilities":{},"clientInfo":{"name":"bench","version":"1.0.0"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

	// Every id has seven digits, so that all requests of a kind have one size and all their answers another.
	firstID  = 1_000_000
	maxCalls = 9_000_000
)

// request is a kind of request that servers are sent again and again.
type request interface {
	// append appends request i, on one line without its end.
	append(dst []byte, i int) []byte
	// answer appends the shortest right answer to it. Servers may write theirs in another way.
	answer(dst []byte, i int) []byte
	// check accepts the messages that came in return, the last of which is the response.
	check(messages [][]byte, i int) error
}

func appendRequest(dst []byte, i int, method string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, int64(firstID+i), 10)
	dst = append(dst, `,"method":"`...)
	return append(append(dst, method...), '"')
}

func appendCall(dst []byte, i int, tool string) []byte {
	dst = append(appendRequest(dst, i, "tools/call"), `,"params":{"name":"`...)
	return append(append(dst, tool...), '"')
}

func appendResult(dst []byte, i int) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, int64(firstID+i), 10)
	return append(dst, `,"result":{"content":[`...)
}

func appendTextResult(dst []byte, i int, text string) []byte {
	dst = append(appendResult(dst, i), `{"type":"text","text":`...)
	return append(fixture.AppendText(dst, text), "}]}}"...)
}

// greet greets somebody whom nobody else greets.
type greet struct{}

func (greet) append(dst []byte, i int) []byte {
	dst = append(appendCall(dst, i, "greet"), `,"arguments":{"name":"caller `...)
	return append(strconv.AppendInt(dst, int64(firstID+i), 10), `"}}}`...)
}

func (greet) answer(dst []byte, i int) []byte {
	return appendTextResult(dst, i, "hello, caller "+strconv.Itoa(firstID+i))
}

func (greet) check(messages [][]byte, i int) error {
	return checkText(messages, i, "hello, caller "+strconv.Itoa(firstID+i))
}

// text asks for a text of so many bytes.
type text int

func (t text) append(dst []byte, i int) []byte {
	return fmt.Appendf(appendCall(dst, i, "text"), `,"arguments":{"size":%d}}}`, int(t))
}

func (t text) answer(dst []byte, i int) []byte { return appendTextResult(dst, i, fixture.Text(int(t))) }

func (t text) check(messages [][]byte, i int) error {
	return checkText(messages, i, fixture.Text(int(t)))
}

// image asks for the image.
type image struct{}

func (image) append(dst []byte, i int) []byte {
	return append(appendCall(dst, i, "image"), `,"arguments":{}}}`...)
}

func (image) answer(dst []byte, i int) []byte {
	b, err := json.Marshal(fixture.Image())
	if err != nil {
		panic(err) // a slice of bytes
	}
	dst = append(appendResult(dst, i), `{"type":"image","data":`...)
	return append(append(dst, b...), `,"mimeType":"image/png"}]}}`...)
}

func (image) check(messages [][]byte, i int) error {
	r, err := responseTo(messages, i)
	if err != nil {
		return err
	}
	if c := r.Result.Content; len(c) != 1 || c[0].Type != "image" || !bytes.Equal(c[0].Data, fixture.Image()) {
		return fmt.Errorf("want the image: %s", excerpt(messages[len(messages)-1]))
	}
	return nil
}

// count asks for so many progress notifications before the answer.
type count int

func (c count) append(dst []byte, i int) []byte {
	return fmt.Appendf(appendCall(dst, i, "count"), `,"arguments":{"to":%d},"_meta":{"progressToken":%d}}}`, int(c), firstID+i)
}

func (c count) answer(dst []byte, i int) []byte { return appendTextResult(dst, i, "done") }

// event is the longest of the events, as a server of events writes it.
func (c count) event() []byte {
	return fmt.Appendf(nil, "event: message\ndata: "+
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%d,"progress":%d,"total":%d}}`+"\n\n", firstID, int(c), int(c))
}

func (c count) check(messages [][]byte, i int) error {
	for k, text := range messages[:len(messages)-1] {
		var n struct {
			Method string
			Params struct {
				ProgressToken   int
				Progress, Total float64
			}
		}
		if err := json.Unmarshal(text, &n); err != nil {
			return fmt.Errorf("not a message: %w: %s", err, excerpt(text))
		}
		if n.Method != "notifications/progress" || n.Params.ProgressToken != firstID+i || n.Params.Progress != float64(k+1) {
			return fmt.Errorf("want progress %d: %s", k+1, excerpt(text))
		}
	}
	if n := len(messages) - 1; n != int(c) {
		return fmt.Errorf("%d progress notifications, want %d", n, int(c))
	}
	return checkText(messages, i, "done")
}

// list asks for the tools of the catalogue.
type list struct{}

func (list) append(dst []byte, i int) []byte { return append(appendRequest(dst, i, "tools/list"), '}') }

func (list) answer(dst []byte, i int) []byte { return append(dst, catalogue.Answer(firstID+i)...) }

func (list) check(messages [][]byte, i int) error {
	r, err := responseTo(messages, i)
	if err != nil {
		return err
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
		if got.Description != want.Description || !sameSchema(got.InputSchema, []byte(want.Schema)) {
			return fmt.Errorf("the tool %q is another than that of the catalogue", got.Name)
		}
		delete(left, got.Name)
	}
	if len(left) > 0 {
		return fmt.Errorf("%d tools are missing", len(left))
	}
	return nil
}

// sameSchema reports whether two schemas are the same but for the order of members, blanks, and the members that the
// TypeScript SDK, which makes its schemas itself, adds to each.
func sameSchema(a, b []byte) bool {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	for _, added := range []string{"$schema", "additionalProperties"} {
		if _, ok := y[added]; !ok {
			delete(x, added)
		}
	}
	return reflect.DeepEqual(x, y)
}

// response is what the harness looks at in a response.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Error   json.RawMessage `json:"error"`
	Result  *struct {
		ProtocolVersion string `json:"protocolVersion"`
		IsError         bool   `json:"isError"`
		NextCursor      string `json:"nextCursor"`
		Content         []struct {
			Type string `json:"type"`
			Text string `json:"text"`
			Data []byte `json:"data"`
		} `json:"content"`
		Tools []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			InputSchema json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
		Resources []struct {
			URI string `json:"uri"`
		} `json:"resources"`
	} `json:"result"`
}

// parseResponse reads a message as a successful response.
func parseResponse(text []byte) (response, error) {
	var r response
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("not a message: %w: %s", err, excerpt(text))
	}
	if r.Version != "2.0" || r.Method != "" || r.ID == nil {
		return r, fmt.Errorf("not a response: %s", excerpt(text))
	}
	if r.Error != nil || r.Result == nil || r.Result.IsError {
		return r, fmt.Errorf("not a success: %s", excerpt(text))
	}
	return r, nil
}

// responseTo reads the last message as the successful response to request i.
func responseTo(messages [][]byte, i int) (response, error) {
	if len(messages) == 0 {
		return response{}, fmt.Errorf("no answer")
	}
	last := messages[len(messages)-1]
	r, err := parseResponse(last)
	if err == nil && string(r.ID) != strconv.Itoa(firstID+i) {
		err = fmt.Errorf("want the id %d: %s", firstID+i, excerpt(last))
	}
	return r, err
}

func checkText(messages [][]byte, i int, want string) error {
	r, err := responseTo(messages, i)
	if err != nil {
		return err
	}
	if c := r.Result.Content; len(c) != 1 || c[0].Type != "text" || c[0].Text != want {
		return fmt.Errorf("want the text %q: %s", excerpt([]byte(want)), excerpt(messages[len(messages)-1]))
	}
	return nil
}

// checkInitialize accepts the answer to initialize.
func checkInitialize(text []byte) error {
	r, err := parseResponse(text)
	if err != nil {
		return err
	}
	if string(r.ID) != "1" || r.Result.ProtocolVersion != "2025-11-25" {
		return fmt.Errorf("not the answer to initialize: %s", excerpt(text))
	}
	return nil
}

// excerpt is the beginning of a text, for errors.
func excerpt(line []byte) string {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) > 200 {
		return string(line[:200]) + " (and more)"
	}
	return string(line)
}
