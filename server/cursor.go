package server

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// A cursor names the last entry of the page before by its sequence number, so that neither additions nor removals, of
// that entry included, make a client miss or repeat one that stays.
func encodeCursor(kind ItemKind, seq uint64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(kind) + ":" + strconv.FormatUint(seq, 36)))
}

func decodeCursor(kind ItemKind, cursor string) (uint64, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return 0, badCursor(cursor)
	}
	number, ok := strings.CutPrefix(string(text), string(kind)+":")
	if !ok {
		return 0, badCursor(cursor)
	}
	seq, err := strconv.ParseUint(number, 36, 64)
	if err != nil || encodeCursor(kind, seq) != cursor {
		return 0, badCursor(cursor)
	}
	return seq, nil
}

func badCursor(cursor string) error {
	return rpc.Errorf(mcp.CodeInvalidParams, "invalid cursor %s: expected the nextCursor of an earlier page of this list", quoted(cursor))
}

// maxQuoted is how much of what a client sent an error text repeats.
const maxQuoted = 64

// quoted quotes the beginning of what a client sent.
func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(strings.ToValidUTF8(s[:maxQuoted], "")) + "..."
	}
	return strconv.Quote(s)
}
