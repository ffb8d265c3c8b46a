// Package stdio is the transport over a process's standard streams: one message a line, as the specification's page on
// transports has it (2025-11-25, basic/transports, "stdio").
//
// A server serves its own standard input and output:
//
//	err := stdio.Serve(ctx, acceptor)
//
// It must write nothing else to standard output. A client starts the server:
//
//	cmd := stdio.Command("greeter", "-v")
//	cmd.Dir = "/srv"
//	conn, err := cmd.Connect(ctx, session)
//
// Limits and their defaults are those of [Limits] (the child and its end) and of [rpc.LineLimits] (framing and queues).
//
// Standard streams that a process inherited have no deadlines, and their flags are shared with other processes, so they
// are never changed. What follows: when Serve returns because its context ended, the goroutine that reads standard
// input may stay blocked until input comes or the process exits.
package stdio
