// Package servertest tests servers in memory, with the real client and the real session between the two:
//
//	servertest.Run(t, s, func(t *testing.T, c *client.Client) {
//		hi, err := client.CallTool[string](t.Context(), c, "greet", greeting{Name: "Ada"})
//		…
//	})
package servertest

import (
	"testing"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Run connects a client to s in memory and calls f with it as a subtest named "client". The options are the client's:
// what it answers when the server asks, for one. The connection is closed when f returns, or ends the test; it is an
// error if handlers still run a second later. s is any rpc.Acceptor, such as a *server.Server; it may be used again.
func Run(t *testing.T, s rpc.Acceptor, f func(t *testing.T, c *client.Client), opts ...client.Option) {
	t.Helper()
	t.Run("client", func(t *testing.T) {
		t.Helper()
		f(t, Connect(t, s, opts...))
	})
}

// Connect is what Run does for tests that want several clients: it gives a client that is closed when t ends.
func Connect(t testing.TB, s rpc.Acceptor, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Info("servertest", "1.0.0"), pipe.To(s, pipe.Limits{}), opts...)
	if err != nil {
		t.Fatalf("servertest: the client cannot connect: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("servertest: the connection was not closed cleanly: %v", err)
		}
	})
	return c
}
