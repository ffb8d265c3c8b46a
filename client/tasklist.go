package client

import (
	"context"
	"iter"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// ListTasks gets one page of the tasks that the server has for us, those started by calls under way elsewhere included
// (tasks/list); cursor as for [Client.ListTools]. It is a [*CapabilityError] if the server does not declare tasks.list,
// as one does that does not know who is calling.
func (c *Client) ListTasks(ctx context.Context, cursor mcp.Cursor, opts ...CallOption) (*mcp.ListTasksResult, error) {
	o := newCallOptions(opts)
	result, _, err := call[mcp.ListTasksResult](ctx, c, mcp.MethodListTasks, page(cursor, &o), o)
	return result, err
}

// Tasks gives all tasks that the server has for us, as [Client.Tools] does tools. Each is taken up by [ResumeTask].
func (c *Client) Tasks(ctx context.Context, opts ...CallOption) iter.Seq2[mcp.Task, error] {
	return entries(c, (*list[mcp.Task])(nil), mcp.MethodListTasks, "", opts,
		func(cursor mcp.Cursor, o callOptions) ([]mcp.Task, mcp.Cursor, *link, error) {
			r, l, err := call[mcp.ListTasksResult](ctx, c, mcp.MethodListTasks, page(cursor, &o), o)
			if err != nil {
				return nil, "", nil, err
			}
			return r.Tasks, r.NextCursor, l, nil
		})
}
