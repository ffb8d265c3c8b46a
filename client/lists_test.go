package client_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
)

const (
	waitFor = 10 * time.Second
	tick    = time.Millisecond
)

func tools(n int) []mcp.Tool {
	var all []mcp.Tool
	for i := range n {
		all = append(all, mcp.Tool{Name: fmt.Sprint("tool", i), InputSchema: object})
	}
	return all
}

func TestIteratorsFollowCursors(t *testing.T) {
	f := &fake{capabilities: everything(), tools: tools(5), pageSize: 2}
	c := dial(t, f)
	all := collect(t, c.Tools(t.Context()))
	require.Len(t, all, 5)
	require.Equal(t, "tool4", all[4].Name)
	require.Equal(t, "r4", collect(t, c.Resources(t.Context()))[4].Name)
	require.Equal(t, "t4", collect(t, c.ResourceTemplates(t.Context()))[4].Name)
	require.Equal(t, "p4", collect(t, c.Prompts(t.Context()))[4].Name)
	for _, m := range []string{mcp.MethodListTools, mcp.MethodListResources, mcp.MethodListResourceTemplates, mcp.MethodListPrompts} {
		require.Equal(t, 3, f.count(m), m)
	}
}

func TestIteratorsReadNoFurtherThanIsUsed(t *testing.T) {
	f := &fake{capabilities: everything(), tools: tools(5), pageSize: 2}
	c := dial(t, f)
	for tool, err := range c.Tools(t.Context()) {
		require.NoError(t, err)
		if tool.Name == "tool1" {
			break
		}
	}
	require.Equal(t, 1, f.count(mcp.MethodListTools))
}

func TestIteratorsStopAtCursorLoops(t *testing.T) {
	for name, cursor := range map[string]func(int) string{
		"at once": func(int) string { return "0" },
		"later":   func(page int) string { return fmt.Sprint((page + 1) % 4) },
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{capabilities: everything(), tools: tools(4), pageSize: 1, cursor: cursor}
			c := dial(t, f)
			_, err := listError(c.Tools(t.Context()))
			require.ErrorContains(t, err, "its list goes in circles")
			require.LessOrEqual(t, f.count(mcp.MethodListTools), 5)
		})
	}
	f := &fake{capabilities: everything(), tools: tools(4), pageSize: 1, cursor: func(int) string { return "0" }}
	c := dial(t, f)
	_, err := listError(c.Tools(t.Context()))
	require.EqualError(t, err, `tools/list: after 2 pages the server gave the cursor "0" once more: its list goes in circles`)
}

func TestIteratorsStopAtTooManyPages(t *testing.T) {
	f := &fake{capabilities: everything(), tools: tools(1), pageSize: 1, cursor: func(page int) string { return fmt.Sprint(page + 1) }}
	c := dial(t, f, client.WithMaxPages(7))
	_, err := listError(c.Tools(t.Context()))
	require.EqualError(t, err, "tools/list: more than 7 pages, see WithMaxPages")
	require.Equal(t, 7, f.count(mcp.MethodListTools))
}

func TestIteratorsGiveErrorsOnce(t *testing.T) {
	c := dial(t, &fake{capabilities: everything()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := listError(c.Tools(ctx))
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, n)
}

func TestCacheIsRefreshedByListChanged(t *testing.T) {
	changed := make(chan int, 1)
	f := &fake{capabilities: everything(), tools: tools(3), pageSize: 2}
	c := dial(t, f, client.WithCache(), client.OnToolsChanged(func(ctx context.Context) {
		n := 0
		for _, err := range client.From(ctx).Tools(ctx) {
			if err == nil {
				n++
			}
		}
		changed <- n
	}))
	for range 3 {
		require.Len(t, collect(t, c.Tools(t.Context())), 3)
		require.Len(t, collect(t, c.Prompts(t.Context())), 5)
	}
	require.Equal(t, 2, f.count(mcp.MethodListTools), "two pages, once")
	require.Equal(t, 3, f.count(mcp.MethodListPrompts))

	f.mu.Lock()
	f.tools = tools(4)
	f.mu.Unlock()
	require.NoError(t, f.client().ToolListChanged(t.Context(), nil))
	require.Equal(t, 4, <-changed, "in the handler the list is read anew")
	require.Len(t, collect(t, c.Tools(t.Context())), 4)
	require.Len(t, collect(t, c.Prompts(t.Context())), 5)
	require.Equal(t, 4, f.count(mcp.MethodListTools))
	require.Equal(t, 3, f.count(mcp.MethodListPrompts), "the others are kept")
}

func TestCacheOfResourcesIsRefreshedByUpdates(t *testing.T) {
	updated := make(chan string, 1)
	listed := make(chan struct{}, 1)
	prompts := make(chan struct{}, 1)
	f := &fake{capabilities: everything()}
	c := dial(t, f, client.WithCache(),
		client.OnResourceUpdated(func(_ context.Context, p *mcp.ResourceUpdatedParams) { updated <- p.URI }),
		client.OnResourcesChanged(func(context.Context) { listed <- struct{}{} }),
		client.OnPromptsChanged(func(context.Context) { prompts <- struct{}{} }))
	read := func() {
		collect(t, c.Resources(t.Context()))
		collect(t, c.ResourceTemplates(t.Context()))
		collect(t, c.Prompts(t.Context()))
	}
	read()
	read()
	require.Equal(t, []int{1, 1, 1}, []int{f.count(mcp.MethodListResources), f.count(mcp.MethodListResourceTemplates), f.count(mcp.MethodListPrompts)})
	require.NoError(t, f.client().ResourceUpdated(t.Context(), &mcp.ResourceUpdatedParams{URI: "test:///1"}))
	require.Equal(t, "test:///1", <-updated)
	read()
	require.Equal(t, []int{2, 1, 1}, []int{f.count(mcp.MethodListResources), f.count(mcp.MethodListResourceTemplates), f.count(mcp.MethodListPrompts)})
	require.NoError(t, f.client().ResourceListChanged(t.Context(), nil))
	<-listed
	require.NoError(t, f.client().PromptListChanged(t.Context(), nil))
	<-prompts
	read()
	require.Equal(t, []int{3, 2, 2}, []int{f.count(mcp.MethodListResources), f.count(mcp.MethodListResourceTemplates), f.count(mcp.MethodListPrompts)})
}

func TestCacheNeedsAnnouncementsAndTheOption(t *testing.T) {
	silent := mcp.ServerCapabilities{Tools: &mcp.ListChangedCapability{}}
	f := &fake{capabilities: silent, tools: tools(1)}
	c := dial(t, f, client.WithCache())
	collect(t, c.Tools(t.Context()))
	collect(t, c.Tools(t.Context()))
	require.Equal(t, 2, f.count(mcp.MethodListTools), "the server would not tell of changes")

	f = &fake{capabilities: everything(), tools: tools(1)}
	c = dial(t, f)
	collect(t, c.Tools(t.Context()))
	collect(t, c.Tools(t.Context()))
	require.Equal(t, 2, f.count(mcp.MethodListTools), "it was not asked for")
}

// TestCacheDoesNotKeepWhatChangedWhileItWasRead: a change between two pages makes the whole void.
func TestCacheDoesNotKeepWhatChangedWhileItWasRead(t *testing.T) {
	changed := make(chan struct{}, 1)
	f := &fake{capabilities: everything(), tools: tools(4), pageSize: 2}
	c := dial(t, f, client.WithCache(), client.OnToolsChanged(func(context.Context) { changed <- struct{}{} }))
	n := 0
	for _, err := range c.Tools(t.Context()) {
		require.NoError(t, err)
		if n++; n == 1 {
			require.NoError(t, f.client().ToolListChanged(t.Context(), nil))
			<-changed
		}
	}
	collect(t, c.Tools(t.Context()))
	require.Equal(t, 4, f.count(mcp.MethodListTools))
}
