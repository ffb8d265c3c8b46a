package client_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// listing reads the list of a server with these tools.
func listing(t *testing.T, all []mcp.Tool, opts ...client.Option) (*client.Client, error) {
	t.Helper()
	c := dial(t, &fake{capabilities: everything(), tools: all, pageSize: 2}, opts...)
	_, err := listError(c.Tools(t.Context()))
	return c, err
}

func TestEntriesOfAList(t *testing.T) {
	for n := 4; n <= 6; n++ {
		c, err := listing(t, tools(n), client.WithClientLimits(client.Limits{Entries: 5}))
		if n <= 5 {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, "tools/list: more than 5 entries, see Limits.Entries")
		require.EqualValues(t, 1, c.Stats().ListLimited)
	}
}

func TestBytesOfAList(t *testing.T) {
	tool := mcp.Tool{Name: "0123456789", Title: "0123456789", Description: "0123456789", InputSchema: wire.MustRaw(`{"type":"object"}`), Icons: []mcp.Icon{{Src: "http://x/y"}}}
	size := 40 + len(`{"type":"object"}`)
	for over := -1; over <= 1; over++ {
		_, err := listing(t, []mcp.Tool{tool, tool, tool}, client.WithClientLimits(client.Limits{ListBytes: 3*size - over}))
		if over <= 0 {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, fmt.Sprintf("tools/list: more than %d bytes, see Limits.ListBytes", 3*size-1))
		}
	}
}

func TestSizesOfListedDefinitions(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	const most = 256 << 10
	for what, c := range map[string]struct {
		most int
		tool func(n int) mcp.Tool
		want string
	}{
		"description": {most, func(n int) mcp.Tool { return mcp.Tool{Description: long(n)} }, `tools/list: the description of "t" has 262145 bytes, the limit is 262144`},
		"title":       {most, func(n int) mcp.Tool { return mcp.Tool{Title: long(n)} }, `tools/list: the title of "t" has 262145 bytes, the limit is 262144`},
		"icons":       {32, func(n int) mcp.Tool { return mcp.Tool{Icons: slices.Repeat([]mcp.Icon{{Src: "http://x/y"}}, n)} }, `tools/list: "t" has 33 icons, the limit is 32`},
		"icon bytes":  {most, func(n int) mcp.Tool { return mcp.Tool{Icons: []mcp.Icon{{Src: "data:," + long(n-6)}}} }, `tools/list: the source of an icon of "t" has 262145 bytes, the limit is 262144`},
	} {
		for n := c.most - 1; n <= c.most+1; n++ {
			tool := c.tool(n)
			tool.Name, tool.InputSchema = "t", wire.MustRaw(`{"type":"object"}`)
			_, err := listing(t, []mcp.Tool{tool})
			if n <= c.most {
				require.NoError(t, err, what)
			} else {
				require.EqualError(t, err, c.want)
			}
		}
	}
}

func TestCursorsThatAreTooLong(t *testing.T) {
	for n := 64<<10 - 1; n <= 64<<10+1; n++ {
		f := &fake{capabilities: everything(), tools: tools(4), pageSize: 2, cursor: func(page int) string {
			if page > 0 {
				return ""
			}
			return strings.Repeat("0", n)
		}}
		_, err := listError(dial(t, f).Tools(t.Context()))
		if n <= 64<<10 {
			require.NotContains(t, fmt.Sprint(err), "a cursor has")
		} else {
			require.EqualError(t, err, "tools/list: a cursor has 65537 bytes, the limit is 65536")
		}
	}
}

// A hostile output schema costs the call of its tool, and no more.
func TestComplexityOfOutputSchemas(t *testing.T) {
	var defs strings.Builder
	for i := range 30 {
		fmt.Fprintf(&defs, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	bomb := wire.MustRaw(`{"type":"object","$ref":"#/$defs/d0","$defs":{` + defs.String() + `"d30":{}}}`)
	f := &fake{capabilities: everything(), tools: []mcp.Tool{{Name: "bomb", InputSchema: wire.MustRaw(`{"type":"object"}`), OutputSchema: bomb}},
		call: func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{StructuredContent: object}, nil
		}}
	c := dial(t, f)
	_, err := client.CallTool[map[string]any](t.Context(), c, "bomb", nil)
	var e *client.OutputError
	require.ErrorAs(t, err, &e)
	require.ErrorContains(t, err, "the schema has more than 100000 values once its references are followed")
}

func TestWhatTheServerAsksAtOnceIsBounded(t *testing.T) {
	for _, c := range []struct {
		limits client.Limits
		most   int
	}{{client.Limits{Sampling: 3, Elicitations: 3}, 3}, {client.Limits{}, 16}} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			f := &fake{}
			cl, closeIt := dialIn(t, f, client.WithClientLimits(c.limits),
				client.OnSample(func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
					<-release
					return nil, client.ErrRejected
				}),
				client.OnElicit(func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
					<-release
					return client.Decline(), nil
				}))
			defer closeIt()
			ask := map[string]func() error{
				"sampling": func() error {
					_, err := f.client().CreateMessage(t.Context(), &mcp.CreateMessageParams{MaxTokens: 1, Messages: []mcp.SamplingMessage{say(mcp.RoleUser, &mcp.TextContent{Text: "x"})}})
					return err
				},
				"elicitation": func() error {
					_, err := f.client().Elicit(t.Context(), &mcp.ElicitFormParams{Message: "?"})
					return err
				},
			}
			done := make(chan error, 100)
			for _, f := range ask {
				for range c.most { // one below, and at the limit
					go func() { done <- f() }()
				}
			}
			synctest.Wait()
			require.Empty(t, done)
			require.Equal(t, 2*c.most, cl.Stats().Asked)
			for name, f := range ask {
				err := f()
				require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(err), name)
				var e *rpc.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, `{"retryAfter":1}`, e.Data.String())
			}
			require.EqualValues(t, 2, cl.Stats().AskLimited)
			close(release)
			for range 2 * c.most {
				if err := <-done; err != nil {
					require.Equal(t, client.CodeRejected, rpc.CodeOf(err))
				}
			}
			synctest.Wait()
			require.NoError(t, ask["elicitation"](), "there is room again")
		})
	}
}

func TestPingsOfTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		f := &fake{}
		var pings atomic.Int32
		f.custom = map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
			mcp.MethodPing: func(context.Context, *rpc.Message) (wire.Appender, error) {
				if pings.Add(1) > 3 {
					<-hang
				}
				return nil, nil
			},
		}
		c, closeIt := dialIn(t, f, client.WithPing(rpc.Pings{Every: time.Minute, Wait: 10 * time.Second, Misses: 2}))
		time.Sleep(3*time.Minute + time.Second)
		require.EqualValues(t, 3, pings.Load())
		require.NoError(t, c.Err())
		time.Sleep(time.Minute + 10*time.Second)
		require.NoError(t, c.Err(), "one miss")
		time.Sleep(time.Minute + 10*time.Second)
		<-c.Done()
		require.ErrorIs(t, c.Err(), rpc.ErrUnresponsive)
		require.True(t, c.Stats().Session.Unresponsive)
		close(hang)
		closeIt()
	})
}

func TestNoPingsOfTheClientByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c, closeIt := dialIn(t, f)
		time.Sleep(100 * time.Hour)
		require.Zero(t, f.count(mcp.MethodPing))
		require.Equal(t, int64(1), c.Stats().Sessions)
		closeIt()
	})
}

// Output that would take time exponential in its depth to check costs the call, and no more.
func TestOutputThatWouldTakeTooLong(t *testing.T) {
	schema := wire.MustRaw(`{"type":"object","anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["b"]},{"properties":{"a":{"$ref":"#"}}}]}`)
	depth := 10
	f := &fake{capabilities: everything(), tools: []mcp.Tool{{Name: "bomb", InputSchema: wire.MustRaw(`{"type":"object"}`), OutputSchema: schema}},
		call: func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{StructuredContent: wire.MustRaw(strings.Repeat(`{"a":`, depth) + "{}" + strings.Repeat("}", depth))}, nil
		}}
	c := dial(t, f)
	_, err := client.CallTool[map[string]any](t.Context(), c, "bomb", nil)
	require.NoError(t, err)
	depth = 300
	_, err = client.CallTool[map[string]any](t.Context(), c, "bomb", nil)
	require.ErrorContains(t, err, "the output was not checked: the value is nested too deeply for its schema")
}
