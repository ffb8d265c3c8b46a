package wire

import (
	stdjson "encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	goccy "github.com/goccy/go-json/v2"
	"github.com/stretchr/testify/require"
)

// The plainest structs that encoding/json and goccy fill from the same messages.
// Raw members are the respective raw type, since the SDK keeps them raw too.

type plain[P any] struct {
	JSONRPC string `json:"jsonrpc"`
	ID      *int64 `json:"id,omitempty"`
	Method  string `json:"method,omitempty"`
	Params  *P     `json:"params,omitempty"`
	Result  *P     `json:"result,omitempty"`
}

type plainInfo struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version"`
}

type plainListChanged struct {
	ListChanged bool `json:"listChanged,omitempty"`
	Subscribe   bool `json:"subscribe,omitempty"`
}

type plainInitialize struct {
	ProtocolVersion string `json:"protocolVersion"`
	Capabilities    struct {
		Roots       *plainListChanged `json:"roots,omitempty"`
		Tools       *plainListChanged `json:"tools,omitempty"`
		Prompts     *plainListChanged `json:"prompts,omitempty"`
		Resources   *plainListChanged `json:"resources,omitempty"`
		Sampling    *plainListChanged `json:"sampling,omitempty"`
		Elicitation *plainListChanged `json:"elicitation,omitempty"`
		Logging     *plainListChanged `json:"logging,omitempty"`
	} `json:"capabilities"`
	ClientInfo   *plainInfo `json:"clientInfo,omitempty"`
	ServerInfo   *plainInfo `json:"serverInfo,omitempty"`
	Instructions string     `json:"instructions,omitempty"`
}

type plainAnnotations struct {
	Title       string `json:"title,omitempty"`
	ReadOnly    *bool  `json:"readOnlyHint,omitempty"`
	Destructive *bool  `json:"destructiveHint,omitempty"`
}

type plainTool struct {
	Name         string             `json:"name"`
	Title        string             `json:"title,omitempty"`
	Description  string             `json:"description,omitempty"`
	InputSchema  stdjson.RawMessage `json:"inputSchema"`
	OutputSchema stdjson.RawMessage `json:"outputSchema,omitempty"`
	Annotations  *plainAnnotations  `json:"annotations,omitempty"`
}

type plainListTools struct {
	Tools      []plainTool `json:"tools"`
	NextCursor string      `json:"nextCursor,omitempty"`
}

type plainCall struct {
	Name      string             `json:"name"`
	Arguments stdjson.RawMessage `json:"arguments,omitempty"`
	Meta      map[string]any     `json:"_meta,omitempty"`
}

type plainContent struct {
	Type        string            `json:"type"`
	Text        string            `json:"text,omitempty"`
	Data        string            `json:"data,omitempty"`
	MIMEType    string            `json:"mimeType,omitempty"`
	Annotations *plainAnnotations `json:"annotations,omitempty"`
}

type plainCallResult struct {
	Content           []plainContent     `json:"content"`
	StructuredContent stdjson.RawMessage `json:"structuredContent,omitempty"`
	IsError           bool               `json:"isError,omitempty"`
}

type plainRead struct {
	Contents []struct {
		URI      string `json:"uri"`
		MIMEType string `json:"mimeType,omitempty"`
		Text     string `json:"text,omitempty"`
		Blob     string `json:"blob,omitempty"`
	} `json:"contents"`
}

type plainProgress struct {
	Token    string   `json:"progressToken"`
	Progress float64  `json:"progress"`
	Total    *float64 `json:"total,omitempty"`
	Message  string   `json:"message,omitempty"`
}

// sample is a realistic message and the types that read it.
type sample struct {
	name  string
	text  []byte
	wire  func() content
	plain func() any
}

func samples() []sample {
	return []sample{
		{"initialize", []byte(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{"listChanged":true},"sampling":{},"elicitation":{}},"clientInfo":{"name":"example-client","title":"Example Client","version":"1.4.2"}}}`),
			func() content { return new(message[initialize, *initialize]) }, func() any { return new(plain[plainInitialize]) }},
		{"initialized", []byte(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"logging":{},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"tools":{"listChanged":true}},"serverInfo":{"name":"example-server","title":"Example Server","version":"0.9.1"},"instructions":"Call search before fetch. Results are cached for five minutes."}}`),
			func() content { return new(message[initialize, *initialize]) }, func() any { return new(plain[plainInitialize]) }},
		{"tools_list_33K", toolsList(),
			func() content { return new(message[listTools, *listTools]) }, func() any { return new(plain[plainListTools]) }},
		{"tools_call", []byte(`{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"search_issues","arguments":{"query":"panic in decoder","repository":"tenonmcp/tenon","limit":25,"open":true,"labels":["bug","wire"],"since":"2025-11-01T00:00:00Z"}}}`),
			func() content { return new(message[callParams, *callParams]) }, func() any { return new(plain[plainCall]) }},
		{"call_result_3", []byte(`{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"Found 3 issues, newest first."},{"type":"text","text":"#41 panic in decoder on empty input\nopened by ada, 2 comments"},{"type":"text","text":"#38 decoder \"loses\" unknown members; see also #12"}],"isError":false}}`),
			func() content { return new(message[callResult, *callResult]) }, func() any { return new(plain[plainCallResult]) }},
		{"image_70K", []byte(`{"jsonrpc":"2.0","id":18,"result":{"content":[{"type":"text","text":"The chart you asked for."},{"type":"image","data":"` + string(EncodeBase64(noise(52<<10))) + `","mimeType":"image/png"}]}}`),
			func() content { return new(message[callResult, *callResult]) }, func() any { return new(plain[plainCallResult]) }},
		{"read_25K", []byte(`{"jsonrpc":"2.0","id":19,"result":{"contents":[{"uri":"file:///src/main.go","mimeType":"text/x-go","text":` + string(AppendString(nil, sourceText(25<<10))) + `}]}}`),
			func() content { return new(message[readResult, *readResult]) }, func() any { return new(plain[plainRead]) }},
		{"progress", []byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"b2c7f1","progress":42,"total":100,"message":"indexing src/decoder.go"}}`),
			func() content { return new(message[progress, *progress]) }, func() any { return new(plain[plainProgress]) }},
	}
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sourceText(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "\t// step %d looks at the next member and decides\n\tif err := run(%d, \"step\"); err != nil {\n\t\treturn err\n\t}\n", i, i)
	}
	return b.String()[:n]
}

func toolsList() []byte {
	var b strings.Builder
	b.WriteString(`{"jsonrpc":"2.0","id":2,"result":{"tools":[`)
	for i := range 50 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"tool_%d","title":"Tool number %d","description":"Searches the collection for entries that match the query and returns the best %d of them.","inputSchema":{"type":"object","properties":{"query":{"type":"string","description":"what to look for","minLength":1},"limit":{"type":"integer","minimum":1,"maximum":%d,"default":10},"filters":{"type":"array","items":{"type":"object","properties":{"field":{"type":"string"},"value":{"type":"string"}},"required":["field","value"]}}},"required":["query"],"additionalProperties":false},"annotations":{"title":"Search","readOnlyHint":true,"destructiveHint":false}}`, i, i, i+5, i+100)
	}
	b.WriteString(`]}}`)
	return []byte(b.String())
}

func TestSamplesRoundTrip(t *testing.T) {
	for _, s := range samples() {
		v := s.wire()
		require.NoError(t, Decode(s.text, v), s.name)
		out := v.AppendJSON(nil)
		want := strings.ReplaceAll(string(s.text), `,"isError":false`, "") // absent means false
		require.JSONEq(t, want, string(out), s.name)
		require.NoError(t, goccy.Unmarshal(s.text, s.plain(), goccy.RejectUnknownMembers(true)), s.name)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range samples() {
		run := func(name string, decode func(any) error, target func() any) {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(s.text)))
				b.ReportAllocs()
				for b.Loop() {
					if err := decode(target()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("wire", func(v any) error { return Decode(s.text, v.(Decodable)) }, func() any { return s.wire() })
		run("goccy", func(v any) error { return goccy.Unmarshal(s.text, v) }, s.plain)
		run("std", func(v any) error { return stdjson.Unmarshal(s.text, v) }, s.plain)
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range samples() {
		v, p := s.wire(), s.plain()
		require.NoError(b, Decode(s.text, v))
		require.NoError(b, stdjson.Unmarshal(s.text, p))
		b.Run(s.name+"/wire", func(b *testing.B) {
			b.SetBytes(int64(len(s.text)))
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = v.AppendJSON(buf[:0])
			}
		})
		b.Run(s.name+"/goccy", func(b *testing.B) {
			b.SetBytes(int64(len(s.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := goccy.Marshal(p); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(s.name+"/std", func(b *testing.B) {
			b.SetBytes(int64(len(s.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stdjson.Marshal(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
