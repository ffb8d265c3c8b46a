package stdio

import (
	"context"
	"io"
	"os"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Serve serves one session of a on the process's standard input and output. When standard input ends, requests that
// have arrived are still answered, within limits, and the result is nil; when ctx ends it is ctx's error; otherwise it
// says why the session failed. While it runs, a standard output that nobody reads any more is an error of the session
// and not the end of the process (no SIGPIPE).
func Serve(ctx context.Context, a rpc.Acceptor) error {
	return Over(os.Stdin, os.Stdout)(ctx, a)
}

// Option changes how [Over] serves.
type Option func(*options)

type options struct{ limits rpc.LineLimits }

// WithLimits sets the limits of the connection; zero fields mean the defaults.
func WithLimits(l rpc.LineLimits) Option { return func(o *options) { o.limits = l } }

// Over returns what [Serve] is, on other streams than the process's own, or with options. It closes neither stream. If
// r has no SetReadDeadline, a blocked read outlasts a context that ends; closing what feeds r ends it.
func Over(r io.Reader, w io.Writer, opts ...Option) func(ctx context.Context, a rpc.Acceptor) error {
	var o options
	for _, set := range opts {
		set(&o)
	}
	return func(ctx context.Context, a rpc.Acceptor) error {
		if w == io.Writer(os.Stdout) {
			defer keepBrokenPipeAnError()()
		}
		conn := rpc.NewLineConn(r, w, o.limits)
		s, err := a.NewSession(context.WithoutCancel(ctx), rpc.Link{Stream: conn, Transport: "stdio"})
		if err != nil {
			return err
		}
		return conn.Run(ctx, s)
	}
}
