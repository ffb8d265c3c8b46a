package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"
)

// runSoak runs tools/soak of the root module: it fails by itself if a session, a call or a stream does.
func runSoak(ctx context.Context, _ settings, _ []racer, out, progress io.Writer) (map[string][]byte, error) {
	const command = "go run ./tools/soak"
	here, err := moduleFolder(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(progress, command)
	cmd := exec.CommandContext(ctx, "go", "run", "./tools/soak")
	cmd.Dir = filepath.Join(here, "..", "..")
	cmd.WaitDelay = time.Second
	cmd.Stderr = progress
	text, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, fmt.Errorf("%s", bytes.TrimSpace(text)))
	}
	fmt.Fprintf(out, "`%s`, in the root of the repository: 15,000 sessions, each with an open event stream on a connection of its own, and 750 calls a\n"+
		"second, over 200 connections, for a minute. Clients and server share the machine. The goal: p95 under 50 ms, no failed call, under 250 MB.\n\n```\n%s```\n", command, text)
	return nil, nil
}
