package tcp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// defaultMode are the permissions of the file of a Unix socket.
const defaultMode fs.FileMode = 0o600

// At returns what serves at an address until its context ends, in the form that server.Server.Serve takes. See [Listen]
// for the address, and [Server.Serve] for the rest.
func At(address string, opts ...Option) func(ctx context.Context, a rpc.Acceptor) error {
	return func(ctx context.Context, a rpc.Acceptor) error {
		listener, err := Listen(ctx, address, opts...)
		if err != nil {
			return err
		}
		return NewServer(a, opts...).Serve(ctx, listener)
	}
}

// Listen makes a listener for [Server.Serve] at host:port, tcp://host:port, tls://host:port (which needs [WithTLS]), or
// unix:/path. ctx bounds the looking up of the host. Of the options the mode of the socket counts here.
//
// The file of a Unix socket is made with its permissions, 0600 unless [WithSocketMode] says otherwise, and removed when the
// listener is closed. If there is a socket at the path on which nobody listens, as a server that was killed leaves it, it
// is removed first; a socket that is in use and any other file are an error. Two servers that start at one path at the
// same moment may both find the old socket dead, and then the later one takes the path. Where the system does not let the
// permissions be set before the socket is there (other systems than Linux), they are those of the umask for a moment: put
// the socket into a directory that nobody else may enter.
func Listen(ctx context.Context, address string, opts ...Option) (net.Listener, error) {
	o := newOptions(opts)
	p, err := parse(address)
	if err != nil {
		return nil, err
	}
	if p.secure && o.tls == nil {
		return nil, fmt.Errorf("tcp: the address %q asks for TLS: expected the option WithTLS", address)
	}
	if p.network == "unix" {
		return listenUnix(ctx, p.address, o.mode)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, p.network, p.address)
	if err != nil {
		return nil, fmt.Errorf("tcp: %w", err)
	}
	return listener, nil
}

func listenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { setMode(fd, mode) })
	}}
	listener, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("tcp: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask may have taken more off
		_ = listener.Close()
		return nil, fmt.Errorf("tcp: the permissions of the socket: %w", err)
	}
	return listener, nil
}

// staleTime is how long a server may take to accept the connection that shows it to be alive.
const staleTime = time.Second

// removeStale removes a socket on which nobody listens.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tcp: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("tcp: %s exists and is not a socket", path)
	}
	conn, err := (&net.Dialer{Timeout: staleTime}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("tcp: another server listens on %s", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("tcp: the socket %s is there and cannot be asked whether it is in use: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tcp: a socket that was left behind: %w", err)
	}
	return nil
}
