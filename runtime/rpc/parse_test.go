package rpc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestParseAcceptsEveryKindOfMessage(t *testing.T) {
	for _, c := range []struct {
		text, kind, id, method, raw string
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"m"}`, "request", "1", "m", ""},
		{`{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":[1,{}]}}`, "request", `"a"`, "m", `{"x":[1,{}]}`},
		{`{"params":{},"method":"m","id":1.0,"jsonrpc":"2.0"}`, "request", "1.0", "m", "{}"},
		{`{"jsonrpc":"2.0","id":9007199254740993,"method":"m"}`, "request", "9007199254740993", "m", ""},
		{`{"jsonrpc":"2.0","id":99999999999999999999,"method":"m"}`, "request", "99999999999999999999", "m", ""},
		{`{"jsonrpc":"2.0","id":1,"method":"m","params":null}`, "request", "1", "m", ""},
		{`{"jsonrpc":"2.0","id":1,"method":"m","error":null,"result":null}`, "request", "1", "m", ""},
		{` { "jsonrpc" : "2.0" , "method" : "n" } `, "notification", "none", "n", ""},
		{`{"jsonrpc":"2.0","method":"n","more":1,"METHOD":"x","Id":7}`, "notification", "none", "n", ""},
		{`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`, "result", "1", "", `{"a":1}`},
		{`{"jsonrpc":"2.0","id":1,"result":{},"error":null}`, "result", "1", "", `{}`},
		{`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no","data":[1]}}`, "error", "1", "", ""},
		{`{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"no"}}`, "error", "none", "", ""},
		{`{"jsonrpc":"2.0","error":{"code":-1.0,"message":"no","x":1}}`, "error", "none", "", ""},
	} {
		m, err := rpc.Parse([]byte(c.text), wire.Options{})
		require.NoError(t, err, c.text)
		require.Equal(t, c.kind, m.Kind.String(), c.text)
		require.Equal(t, c.id, m.ID.String(), c.text)
		require.Equal(t, c.method, m.Method, c.text)
		require.Equal(t, c.raw, m.Raw().String(), c.text)
		if m.Kind == rpc.KindError {
			require.EqualValues(t, -1, m.Error.Code)
			require.Equal(t, "no", m.Error.Message)
		}
	}
}

// Every refusal, with the whole text of the error, and what can still be made out of the message.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text, kind, id string
		code                 int64
		message              string
	}{
		{"not 2.0", `{"jsonrpc":"1.0","id":1,"method":"m"}`, "request", "1", -32600,
			`not a message: at /jsonrpc (offset 11): expected "2.0", found string "1.0"`},
		{"no version", `{"id":"a","method":"m"}`, "request", `"a"`, -32600,
			`not a message: at offset 22: expected the member "jsonrpc", found the end of the object`},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"m"}`, "request", "none", -32600,
			`not a message: the id of a request must be a string or an integer, not null`},
		{"object id", `{"jsonrpc":"2.0","id":{},"method":"m"}`, "request", "none", -32600,
			`not a message: at /id (offset 22): expected a string or an integer, found an object`},
		{"fraction id", `{"jsonrpc":"2.0","id":1.5,"method":"m"}`, "no message", "none", -32600,
			`not a message: at /id (offset 22): expected a string or an integer, found number 1.5`},
		{"method and result", `{"jsonrpc":"2.0","id":1,"method":"m","result":{}}`, "request", "1", -32600,
			`not a message: it has both a method and a result or error`},
		{"result and error", `{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}`, "result", "1", -32600,
			`not a message: it has both a result and an error`},
		{"null result", `{"jsonrpc":"2.0","id":1,"result":null}`, "no message", "1", -32600,
			`not a message: a result must be an object, not null`},
		{"array result", `{"jsonrpc":"2.0","id":1,"result":[]}`, "result", "1", -32600,
			`not a message: at /result (offset 33): expected an object, found an array`},
		{"result without id", `{"jsonrpc":"2.0","result":{}}`, "result", "none", -32600,
			`not a message: a result without id`},
		{"error without code", `{"jsonrpc":"2.0","id":1,"error":{"message":""}}`, "error", "1", -32600,
			`not a message: at /error (offset 45): expected the member "code", found the end of the object`},
		{"array params", `{"jsonrpc":"2.0","id":1,"method":"m","params":[]}`, "request", "1", -32602,
			`not a message: at /params (offset 46): expected an object, found an array`},
		{"string params", `{"jsonrpc":"2.0","method":"m","params":"x"}`, "notification", "none", -32602,
			`not a message: at /params (offset 39): expected an object, found string "x"`},
		{"empty method", `{"jsonrpc":"2.0","id":1,"method":""}`, "request", "1", -32600,
			`not a message: the method must be a name`},
		{"half a surrogate pair in the method", `{"jsonrpc":"2.0","id":1,"method":"\ud800"}`, "request", "1", -32600,
			`not acceptable: at /method (offset 34): expected a whole surrogate pair, found half of one, \ud800`},
		{"number method", `{"jsonrpc":"2.0","id":1,"method":1}`, "request", "1", -32600,
			`not a message: at /method (offset 33): expected a string, found number 1`},
		{"method in the wrong case", `{"jsonrpc":"2.0","id":1,"METHOD":"m"}`, "no message", "1", -32600,
			`not a message: it has no method, result or error`},
		{"nothing in it", `{"jsonrpc":"2.0"}`, "no message", "none", -32600,
			`not a message: it has no method, result or error`},
		{"a batch", `[{"jsonrpc":"2.0","id":1,"method":"m"}]`, "no message", "none", -32600,
			`not a message: at offset 0: expected an object, found an array`},
		{"a string", `"hello"`, "no message", "none", -32600,
			`not a message: at offset 0: expected an object, found string "hello"`},
		{"bad JSON", `{"jsonrpc":"2.0","id":1,"method":`, "no message", "none", -32700,
			`not acceptable JSON: at /method (offset 33): expected a string, found the end of the input`},
		{"trailing bytes", `{"jsonrpc":"2.0","id":1,"method":"m"}}`, "no message", "none", -32700,
			`not acceptable JSON: at offset 37: expected the end of the input, found '}'`},
		{"duplicate id", `{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}`, "no message", "none", -32700,
			`not acceptable JSON: at /id (offset 24): expected each member name once, found it a second time`},
		{"duplicate deep down", `{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":{"b":1,"b":2}}}`, "no message", "none", -32700,
			`not acceptable JSON: at /params/a/b (offset 58): expected each member name once, found it a second time`},
		{"bad JSON in a response", `{"jsonrpc":"2.0","id":1,"result":{]}`, "result", "1", -32700,
			`not acceptable JSON: at /result (offset 34): expected a member name, found ']'`},
		{"duplicate unknown member", `{"jsonrpc":"2.0","id":1,"method":"m","x":1,"x":1}`, "no message", "none", -32700,
			`not acceptable JSON: at /x (offset 43): expected each member name once, found it a second time`},
		{"empty", ``, "no message", "none", -32700,
			`not acceptable JSON: at offset 0: expected an object, found the end of the input`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := rpc.Parse([]byte(c.text), wire.Options{})
			var e *rpc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.message, e.Message)
			require.Equal(t, c.code, e.Code)
			require.Equal(t, c.kind, m.Kind.String())
			require.Equal(t, c.id, m.ID.String())
		})
	}
}

// A text that is only nested too deeply is answered under its id: one below and at the limit pass.
func TestParseNestingLimit(t *testing.T) {
	const limit = 20
	nested := func(n int) []byte { // params with n levels in all, the envelope included
		return []byte(`{"jsonrpc":"2.0","id":5,"method":"m","params":{"x":` +
			strings.Repeat("[", n-2) + strings.Repeat("]", n-2) + `}}`)
	}
	for _, n := range []int{limit - 1, limit} {
		_, err := rpc.Parse(nested(n), wire.Options{MaxDepth: limit})
		require.NoError(t, err)
	}
	m, err := rpc.Parse(nested(limit+1), wire.Options{MaxDepth: limit})
	require.EqualValues(t, rpc.CodeInvalidRequest, rpc.CodeOf(err))
	require.Equal(t, "5", m.ID.String())
	require.Equal(t, rpc.KindRequest, m.Kind)
}

func TestParseKeepsNothingOfTheText(t *testing.T) {
	text := []byte(`{"jsonrpc":"2.0","id":"abc","method":"meth","params":{"key":"value"}}`)
	m, err := rpc.Parse(text, wire.Options{})
	require.NoError(t, err)
	want := string(text)
	for i := range text {
		text[i] = 'x'
	}
	require.Equal(t, want, string(m.AppendJSON(nil)))
}

func TestMessagesAsWritten(t *testing.T) {
	p := &echoParams{Text: "a\nb"}
	for want, m := range map[string]*rpc.Message{
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"a\nb"}}`: rpc.NewRequest(wire.IntID(1), "echo", p),
		`{"jsonrpc":"2.0","id":"x","method":"echo"}`:                        rpc.NewRequest(wire.StringID("x"), "echo", nil),
		`{"jsonrpc":"2.0","method":"n"}`:                                    rpc.NewNotification("n", nil),
		`{"jsonrpc":"2.0","method":"n","params":{"a":1}}`:                   rpc.NewNotification("n", wire.MustRaw("{\"a\":\n1}")),
		`{"jsonrpc":"2.0","id":1,"result":{}}`:                              rpc.NewResult(wire.IntID(1), nil),
		`{"jsonrpc":"2.0","id":1,"result":{"text":"t"}}`:                    rpc.NewResult(wire.IntID(1), &echoResult{"t"}),
		`{"jsonrpc":"2.0","id":1,"error":{"code":-5,"message":"m"}}`:        rpc.NewError(wire.IntID(1), rpc.Errorf(-5, "m")),
		`{"jsonrpc":"2.0","error":{"code":-5,"message":"m","data":[1]}}`: rpc.NewError(rpc.ID{},
			rpc.Errorf(-5, "m").WithData(wire.MustRaw("[1]"))),
	} {
		require.Equal(t, want, string(m.AppendJSON(nil)))
	}
}

func TestSalvageFromTheStartOfAMessage(t *testing.T) {
	for text, want := range map[string]string{
		`{"jsonrpc":"2.0","id":7,"result":{"content":[{"te`:    "result 7",
		`{"id":"q","error":{"code":1,"mess`:                    `error "q"`,
		`{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"`: "request 7",
		`{"jsonrpc":"2.0","id":7,"params":{"a":"`:              "request 7",
		`{"jsonrpc":"2.0","id":7,"id":8,"result":{"a":"`:       "result none",
		`{"jsonrpc":"2.0","result":{"id":7},"x`:                "result none",
		`{"jsonrpc":"2.0","id":7`:                              "no message none",
		`{"result":{},"id":7`:                                  "result none",
		`{"result":{},"id":7}`:                                 "result 7",
		`garbage`:                                              "no message none",
		``:                                                     "no message none",
	} {
		m := rpc.Salvage([]byte(text))
		require.Equal(t, want, m.Kind.String()+" "+m.ID.String(), text)
	}
}
