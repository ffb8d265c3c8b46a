// Command bare is the yardstick of the harness: a program that understands nothing. It reads a line
// and writes a canned line, so what it costs is what the operating system asks for moving the bytes.
//
//	bare [-http ADDRESS] SIZE
//
// Each answer is SIZE bytes long, its newline included, and leaves in one write of its own: one
// line in, one line out. Over HTTP it is a handler of net/http that reads the whole body of a request
// and answers with SIZE bytes.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("bare", flag.ContinueOnError)
	address := flags.String("http", "", "address to serve HTTP at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("usage: bare [-http ADDRESS] SIZE")
	}
	size, err := strconv.Atoi(flags.Arg(0))
	if err != nil || size < 1 {
		return fmt.Errorf("SIZE is %q, want a positive number of bytes", flags.Arg(0))
	}
	answer := append(bytes.Repeat([]byte{'.'}, size-1), '\n')
	if *address != "" {
		return web.Serve("bare", *address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
			_, _ = w.Write(answer)
		}))
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 64<<10), 64<<10) // as much as a pipe holds, so that a read never splits a burst
	for lines.Scan() {
		if _, err := os.Stdout.Write(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}
