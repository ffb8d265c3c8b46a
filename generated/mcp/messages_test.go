package mcp_test

import (
	"fmt"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// message is what a struct of the package can do.
type message interface {
	wire.Appender
	wire.Decodable
	Validate() error
}

// sample is one message of a realistic size, as peers write it: discriminators first, no spaces.
type sample struct {
	name  string
	text  []byte
	value message        // decoded
	fresh func() message // to decode into
}

func newSample[T any, P interface {
	*T
	message
}](name string, value P) sample {
	return sample{name: name, text: value.AppendJSON(nil), value: value, fresh: func() message { return P(new(T)) }}
}

// samples are the eight messages of the benchmark: params or result, without the JSON-RPC envelope.
func samples() []sample {
	return []sample{
		newSample("initialize request", initializeParams()),
		newSample("initialize result", initializeResult()),
		newSample("tools/list, 50 tools", toolList()),
		newSample("tools/call, 6 arguments", callParams()),
		newSample("call result, 3 blocks", callResult()),
		newSample("call result, image", imageResult()),
		newSample("resources/read, 25 KB", readResult()),
		newSample("progress", &mcp.ProgressParams{ProgressToken: wire.StringID("call-17"), Progress: 42, Total: new(100.0), Message: "indexed 42 of 100 files"}),
	}
}

func initializeParams() *mcp.InitializeParams {
	return &mcp.InitializeParams{
		ProtocolVersion: "2025-11-25",
		ClientInfo: mcp.Implementation{Name: "example-client", Title: "Example Client", Version: "3.1.4", WebsiteURL: "https://example.com",
			Icons: []mcp.Icon{{Src: "https://example.com/icon.png", MIMEType: "image/png", Sizes: []string{"48x48", "96x96"}}}},
		Capabilities: mcp.ClientCapabilities{
			Roots:       &mcp.ListChangedCapability{ListChanged: true},
			Sampling:    &mcp.ClientCapabilitiesSampling{Tools: wire.MustRaw(`{}`)},
			Elicitation: &mcp.ClientCapabilitiesElicitation{Form: wire.MustRaw(`{}`), URL: wire.MustRaw(`{}`)},
		},
	}
}

func initializeResult() *mcp.InitializeResult {
	return &mcp.InitializeResult{
		ProtocolVersion: "2025-11-25",
		ServerInfo:      mcp.Implementation{Name: "example-server", Title: "Example Server", Version: "1.0.0", Description: "Answers questions about an example."},
		Instructions:    strings.Repeat("Use the search tool before you answer. ", 8),
		Capabilities: mcp.ServerCapabilities{
			Tools:       &mcp.ListChangedCapability{ListChanged: true},
			Prompts:     &mcp.ListChangedCapability{ListChanged: true},
			Resources:   &mcp.ServerCapabilitiesResources{Subscribe: true, ListChanged: true},
			Logging:     wire.MustRaw(`{}`),
			Completions: wire.MustRaw(`{}`),
		},
	}
}

// toolList is 50 tools with schemas, about 33 KB.
func toolList() *mcp.ListToolsResult {
	list := &mcp.ListToolsResult{}
	for i := range 50 {
		list.Tools = append(list.Tools, mcp.Tool{
			Name:        fmt.Sprintf("search_documents_%02d", i),
			Title:       "Search documents",
			Description: "Finds the documents that match a query, the best first. Quotes make a phrase, a minus excludes a word.",
			InputSchema: wire.MustRaw(`{"type":"object","properties":{"query":{"type":"string","description":"what to look for"},"limit":{"type":"integer","minimum":1,"maximum":100,"default":10},"sort":{"type":"string","enum":["relevance","date","title"]},"filter":{"type":"object","properties":{"author":{"type":"string"},"after":{"type":"string","format":"date"}}}},"required":["query"],"additionalProperties":false}`),
			Annotations: &mcp.ToolAnnotations{ReadOnlyHint: new(true), OpenWorldHint: new(false)},
		})
	}
	list.NextCursor = "NTA="
	return list
}

func callParams() *mcp.CallToolParams {
	return &mcp.CallToolParams{
		Name:      "search_documents",
		Arguments: wire.MustRaw(`{"query":"the quick brown fox","limit":25,"sort":"date","exact":true,"threshold":0.75,"tags":["a","b"]}`),
		Meta:      &mcp.RequestMeta{ProgressToken: wire.IntID(17)},
	}
}

func callResult() *mcp.CallToolResult {
	r := &mcp.CallToolResult{}
	for i := range 3 {
		r.Content = append(r.Content, &mcp.TextContent{Text: fmt.Sprintf("Result %d: \"The quick brown fox\"\njumps over the lazy dog, which did not mind at all.", i)})
	}
	return r
}

// imageResult is a picture of about 70 KB in base64, with a caption.
func imageResult() *mcp.CallToolResult {
	pixels := make([]byte, 52_500)
	for i := range pixels {
		pixels[i] = byte(i * i >> 3)
	}
	return &mcp.CallToolResult{Content: []mcp.ContentBlock{
		&mcp.TextContent{Text: "The chart."},
		&mcp.ImageContent{Data: wire.EncodeBase64(pixels), MIMEType: "image/png"},
	}}
}

func readResult() *mcp.ReadResourceResult {
	line := "func main() {\n\tfmt.Println(\"hello, world\") // prints a line, as programs do\n}\n"
	return &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{
		&mcp.TextResourceContents{URI: "file:///src/main.go", MIMEType: "text/x-go", Text: strings.Repeat(line, 25_000/len(line))},
	}}
}
