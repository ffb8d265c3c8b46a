// Command everythingclient is the client that the official conformance suite tests: it does what a scenario of the suite
// asks of a client, with the server at a URL.
//
//	everythingclient URL
//
// The suite sets the environment: MCP_CONFORMANCE_SCENARIO names the scenario, MCP_CONFORMANCE_PROTOCOL_VERSION the
// revision of the protocol, MCP_CONFORMANCE_CONTEXT what there is to authorize with. Without a scenario the client lists what the server has. See tools/conformance.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "everythingclient:", err)
		os.Exit(1)
	}
}

// longest is less than what the suite allows a client, so that it is we who say what hung.
const longest = 25 * time.Second

func run(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: everythingclient URL")
	}
	name := env("MCP_CONFORMANCE_SCENARIO")
	s, ok := scenarios[name]
	if !ok {
		s, ok = authScenarios[name]
	}
	if !ok {
		return fmt.Errorf("there is nothing to do for the scenario %q", name)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("it took longer than %v", longest))
	defer cancel()

	options := s.options
	if version := env("MCP_CONFORMANCE_PROTOCOL_VERSION"); version != "" {
		options = append(options[:len(options):len(options)], client.WithVersion(version))
	}
	transport := s.transport
	if s.authorize != nil {
		auth, err := s.authorizer(args[0], env("MCP_CONFORMANCE_CONTEXT"), out)
		if err != nil {
			return err
		}
		defer auth.CloseIdleConnections()
		transport = append(transport[:len(transport):len(transport)], streamhttp.WithClient(auth.Client()))
	}
	c, err := client.Dial(ctx, client.Info("tenon-everythingclient", "1.0.0"), streamhttp.Connect(args[0], transport...), options...)
	if err != nil {
		return err
	}
	if err := s.do(ctx, c, out); err != nil {
		_ = c.Close() // the first error says more
		return fmt.Errorf("scenario %q: %w", name, err)
	}
	return c.Close()
}
