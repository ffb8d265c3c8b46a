// Command bare is the limit of the clients: it sends the same bytes again and again, reads as many answers, and understands
// nothing. Over HTTP it is net/http's client.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"

	"github.com/tenonmcp/tenon/tools/bench/clients/lap"
)

const call = `{"jsonrpc":"2.0","id":1000000,"method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"}}}`

func main() { lap.Main(open) }

func open(s lap.Server) (lap.Client, error) {
	if s.URL == "" {
		return command(s)
	}
	post := func() (string, error) {
		r, err := http.NewRequest(http.MethodPost, s.URL, bytes.NewReader([]byte(call)))
		if err != nil {
			return "", err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("MCP-Protocol-Version", "2025-11-25")
		r.Header.Set("Mcp-Session-Id", fmt.Sprintf("%043d", 0))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		return check(text, err)
	}
	return lap.Client{Call: post, Close: func() error { return nil }}, nil
}

func command(s lap.Server) (lap.Client, error) {
	cmd := exec.Command(s.Program, s.Args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return lap.Client{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return lap.Client{}, err
	}
	lines, ask := bufio.NewReader(out), []byte(call+"\n")
	return lap.Client{
		Call: func() (string, error) {
			if _, err := in.Write(ask); err != nil {
				return "", err
			}
			return check(lines.ReadSlice('\n'))
		},
		Close: func() error {
			_ = in.Close()
			return cmd.Wait()
		},
	}, cmd.Start()
}

// check looks whether the text is somewhere in an answer.
func check(answer []byte, err error) (string, error) {
	if err == nil && bytes.Contains(answer, []byte(lap.Text)) {
		return lap.Text, nil
	}
	return string(answer), err
}
