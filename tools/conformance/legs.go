package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// revision is the protocol revision whose requirements are run.
const revision = "2025-11-25"

// scenario is one that has to pass.
type scenario struct {
	name string
	// must is the id of a check that has to succeed; without it the suite is content if what the scenario is about never
	// happened.
	must string
}

// leg is the part of the suite for one role.
type leg struct {
	name      string
	prefix    string // of the folders with results
	scenarios []scenario
	run       func(ctx context.Context, suite suite, dir, results string) error
}

var serverLeg = leg{
	name:   "server",
	prefix: "server-",
	run:    runServer,
	scenarios: []scenario{
		{name: "server-initialize"},
		{name: "logging-set-level"},
		{name: "ping"},
		{name: "completion-complete"},
		{name: "tools-list"},
		{name: "tools-call-simple-text"},
		{name: "tools-call-image"},
		{name: "tools-call-audio"},
		{name: "tools-call-embedded-resource"},
		{name: "tools-call-mixed-content"},
		{name: "tools-call-with-logging"},
		{name: "tools-call-error"},
		{name: "tools-call-with-progress"},
		{name: "tools-call-sampling"},
		{name: "tools-call-elicitation"},
		{name: "elicitation-sep1034-defaults"},
		{name: "server-sse-multiple-streams"},
		{name: "elicitation-sep1330-enums"},
		{name: "resources-list"},
		{name: "resources-read-text"},
		{name: "resources-read-binary"},
		{name: "resources-templates-read"},
		{name: "resources-subscribe"},
		{name: "resources-unsubscribe"},
		{name: "prompts-list"},
		{name: "prompts-get-simple"},
		{name: "prompts-get-with-args"},
		{name: "prompts-get-embedded-resource"},
		{name: "prompts-get-with-image"},
		{name: "dns-rebinding-protection"},
		// The suite runs these without counting them.
		{name: "server-session-lifecycle", must: "server-session-terminated-returns-404"},
		{name: "json-schema-2020-12", must: "sep-2106-anchor-keyword-preserved"},
		{name: "server-sse-polling", must: "server-sse-disconnect-resume"},
	},
}

var clientLeg = leg{
	name: "client",
	run:  runClient,
	scenarios: []scenario{
		{name: "initialize"},
		{name: "tools_call"},
		{name: "elicitation-sep1034-client-defaults", must: "client-elicitation-sep1034-boolean-default"},
		{name: "sse-retry", must: "client-sse-retry-timing"},
		{name: "auth/metadata-default", must: "pkce-verifier-matches-challenge"},
		{name: "auth/metadata-var1", must: "pkce-verifier-matches-challenge"},
		{name: "auth/metadata-var2", must: "pkce-verifier-matches-challenge"},
		{name: "auth/metadata-var3", must: "pkce-verifier-matches-challenge"},
		{name: "auth/basic-cimd", must: "cimd-client-id-used"},
		{name: "auth/scope-from-www-authenticate", must: "scope-from-www-authenticate"},
		{name: "auth/scope-from-scopes-supported", must: "scope-from-scopes-supported"},
		{name: "auth/scope-omitted-when-undefined", must: "scope-omitted-when-undefined"},
		{name: "auth/scope-step-up", must: "scope-step-up-escalation"},
		{name: "auth/scope-retry-limit", must: "scope-retry-limit"},
		{name: "auth/token-endpoint-auth-basic", must: "token-endpoint-auth-method"},
		{name: "auth/token-endpoint-auth-post", must: "token-endpoint-auth-method"},
		{name: "auth/token-endpoint-auth-none", must: "token-endpoint-auth-method"},
		{name: "auth/pre-registration", must: "pre-registration-auth"},
		// The suite runs these without counting them.
		{name: "auth/client-credentials-jwt", must: "client-credentials-jwt-verified"},
		{name: "auth/client-credentials-basic", must: "client-credentials-basic-auth"},
		{name: "auth/enterprise-managed-authorization", must: "complete-flow-jwt-bearer"},
		{name: "auth/dpop", must: "sep-1932-client-fresh-proof"},
		{name: "auth/dpop-nonce", must: "sep-1932-client-rs-nonce"},
		{name: "auth/wif-jwt-bearer", must: "wif-assertion-verified"},
		{name: "json-schema-2020-12-preservation", must: "sep-2106-client-anchor-keyword-preserved"},
	},
}

// stopTime is how long the server may take to end when it is told to.
const stopTime = 10 * time.Second

var listening = regexp.MustCompile(`listening on (http://\S+)`)

// runServer starts the server on a free port and runs the suite's server scenarios against it. Both write to logs in dir.
// The exit code of the suite says less than its results and is left alone.
func runServer(ctx context.Context, suite suite, dir, results string) (err error) {
	log, err := os.Create(filepath.Join(dir, "everything.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	server := exec.Command(filepath.Join(dir, program("everything")), "-http", "127.0.0.1:0")
	stderr, err := server.StderrPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	addresses, copied := make(chan string, 1), make(chan error, 1)
	go func() { copied <- copyLines(log, stderr, addresses) }()

	var url string
	select {
	case url = <-addresses:
		err = conformance(ctx, suite, dir, "server", "--url", url, "--requirements", revision, "-o", results)
	case copyErr := <-copied:
		copied <- copyErr
		err = fmt.Errorf("the server ended before it listened; see %s", log.Name())
	case <-time.After(stopTime):
		err = fmt.Errorf("the server did not say within %v where it listens; see %s", stopTime, log.Name())
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if ended := end(server, copied); err == nil {
		err = ended
	}
	return err
}

// copyLines copies what a server writes to log, and sends the address it listens on.
func copyLines(log io.Writer, from io.Reader, addresses chan<- string) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if _, failed := io.WriteString(log, line); failed != nil {
			return failed
		}
		if m := listening.FindStringSubmatch(line); m != nil {
			select {
			case addresses <- m[1]:
			default:
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// end tells a server to end and waits for it. Its log has to be read to the end before that.
func end(server *exec.Cmd, copied <-chan error) error {
	if server.Process.Signal(os.Interrupt) != nil {
		_ = server.Process.Kill() // a system without signals, or it is gone: Wait tells
	}
	kill := time.AfterFunc(stopTime, func() { _ = server.Process.Kill() })
	copyErr := <-copied
	err := server.Wait()
	if !kill.Stop() {
		return fmt.Errorf("the server did not end within %v", stopTime)
	}
	if err != nil {
		return fmt.Errorf("the server ended with: %w", err)
	}
	return copyErr
}

// runClient runs the suite's client scenarios. The suite splits the command on spaces and has a shell run it, so it is
// named relative to dir.
func runClient(ctx context.Context, suite suite, dir, results string) error {
	return conformance(ctx, suite, dir, "client", "--command", "."+string(filepath.Separator)+program("everythingclient"),
		"--requirements", revision, "-o", results)
}

// conformance runs the suite in dir.
func conformance(ctx context.Context, suite suite, dir string, args ...string) (err error) {
	log, err := os.Create(filepath.Join(dir, "suite-"+args[0]+".log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	command := exec.CommandContext(ctx, suite.node, append([]string{suite.script}, args...)...)
	command.Dir, command.Stdout, command.Stderr = dir, log, log
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return err
	}
	_ = command.Wait() // what failed is in the results
	if ctx.Err() != nil {
		return fmt.Errorf("the suite was stopped: %w", context.Cause(ctx))
	}
	return nil
}
