package servertest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type greeting struct {
	Name string `json:"name"`
}

func TestRun(t *testing.T) {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Say hi.", func(_ context.Context, in greeting) (string, error) {
		return "hello, " + in.Name, nil
	})
	server.AddTool(s, "ask", "Say hi to whom the user names.", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := server.Elicit[greeting](ctx, "name", "Whom?")
		return "hello, " + answer.Value.Name, err
	})
	for range 2 {
		servertest.Run(t, s, func(t *testing.T, c *client.Client) {
			hi, err := client.CallTool[string](t.Context(), c, "greet", greeting{"Ada"})
			require.NoError(t, err)
			require.Equal(t, "hello, Ada", hi)
			hi, err = client.CallTool[string](t.Context(), c, "ask", nil)
			require.NoError(t, err)
			require.Equal(t, "hello, Grace", hi)
		}, client.OnElicit(func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			return client.Accept(greeting{"Grace"})
		}))
	}
}
