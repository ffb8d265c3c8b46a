package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/tenonmcp/tenon/tools/bench/clients/lap"
)

// reply answers a message as a server does that has one tool; "" for those that have no id.
func reply(text []byte) (answer, method string) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if err := json.Unmarshal(text, &m); err != nil || m.ID == nil {
		return "", m.Method
	}
	body := `"error":{"code":-32601,"message":"method not found"}`
	switch m.Method {
	case "initialize":
		body = `"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bare","version":"1.0.0"}}`
	case "ping":
		body = `"result":{}`
	case "tools/list":
		body = `"result":{"tools":[{"name":"greet","inputSchema":{"type":"object","properties":{"name":{"type":"string"}}}}]}`
	case "tools/call":
		body = `"result":{"content":[{"type":"text","text":"` + lap.Text + `"}]}`
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, m.ID, body), m.Method
}

func speakLines() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if answer, _ := reply(lines.Bytes()); answer != "" {
			if _, err := os.Stdout.WriteString(answer + "\n"); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

func (s *site) say(w http.ResponseWriter, body []byte) {
	answer, method := reply(body)
	if method == "initialize" {
		w.Header().Set("Mcp-Session-Id", strings.Repeat("0", 43))
	}
	if answer == "" {
		w.WriteHeader(http.StatusAccepted) // a notification, or the end of the session
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(answer))
}
