package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// versions are the protocol versions a client speaks, newest first.
var versions = mcp.Versions

// capabilitySince names capabilities that are younger than the methods they stand for: servers of earlier versions could
// not declare them.
var capabilitySince = map[string]string{"completions": "2025-03-26"}

// VersionError says that client and server have no version of the protocol in common: the server answered initialize
// with one that the client does not speak. Nothing else was sent.
type VersionError struct {
	// Asked is what the client asked for, Answered what the server wants to speak.
	Asked, Answered string
	// Spoken is what the client speaks, newest first.
	Spoken []string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("no common protocol version: the client asked for %s and speaks %s, the server answered %q",
		e.Asked, strings.Join(e.Spoken, ", "), clip(e.Answered))
}

func checkVersion(asked, answered string) error {
	if slices.Contains(versions, answered) {
		return nil
	}
	return &VersionError{Asked: asked, Answered: answered, Spoken: slices.Clone(versions)}
}

// clip shortens what a server sent for use in an error text.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
