// Command bare is the yardstick of the harness: a program that understands nothing. It reads a line
// and writes a canned line, so what it costs is what the operating system asks for moving the bytes.
//
//	bare SIZE
//
// Each answer is SIZE bytes long, its newline included, and leaves in one write of its own: one
// line in, one line out.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: bare SIZE")
	}
	size, err := strconv.Atoi(args[0])
	if err != nil || size < 1 {
		return fmt.Errorf("SIZE is %q, want a positive number of bytes", args[0])
	}
	answer := append(bytes.Repeat([]byte{'.'}, size-1), '\n')
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 64<<10), 64<<10) // as much as a pipe holds, so that a read never splits a burst
	for lines.Scan() {
		if _, err := os.Stdout.Write(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}
