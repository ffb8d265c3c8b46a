package tasks

import "github.com/tenonmcp/tenon/generated/mcp"

// may says whether a task may go from one status to another (specification 2025-11-25, basic/utilities/tasks, "Task
// Status Lifecycle"). What has ended stays as it is.
func may(from, to mcp.TaskStatus) bool {
	switch from {
	case mcp.TaskStatusWorking:
		return to != mcp.TaskStatusWorking
	case mcp.TaskStatusInputRequired:
		return to != mcp.TaskStatusInputRequired
	}
	return false
}
