package streamhttp

import "github.com/tenonmcp/tenon/runtime/internal/httpaccess"

// access are the rules of a server before its options.
var access = httpaccess.Rules{
	Package: "streamhttp",
	Methods: "GET, POST, DELETE",
	Headers: "Content-Type, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID",
	Exposed: "Mcp-Session-Id, WWW-Authenticate",
}
