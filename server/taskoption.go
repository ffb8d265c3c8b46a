package server

import (
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

// TaskStore keeps the tasks of a server, see [StoreTasks].
type TaskStore = tasks.Store

// TaskLimits bounds the tasks of a server, see [LimitTasks].
type TaskLimits = tasks.Limits

// TaskStats are counters of the tasks of a server, see [Server.TaskStats].
type TaskStats = tasks.Stats

// Task is the task that a handler runs as, see [TaskFrom].
type Task = tasks.Task

// taskConfig is what the options for tasks set.
type taskConfig struct {
	store      TaskStore
	limits     TaskLimits
	perSession bool
}

// TaskOptional lets clients call a tool as a task (specification 2025-11-25, basic/utilities/tasks): they get an id at
// once, and the result later. The handler is the same; see [TaskFrom]. Where tasks are not declared to a client its calls
// run as usual, whatever they ask for. Default: calls cannot be tasks.
func TaskOptional() ToolOption { return TaskSupport(mcp.TaskSupportOptional) }

// TaskRequired makes calls of a tool be tasks; others are refused (-32601). Where tasks are not declared to a client its
// calls run as usual.
func TaskRequired() ToolOption { return TaskSupport(mcp.TaskSupportRequired) }

// Resumable says that the handler of a tool may run again from the start when the process died before it returned, with
// the same params and principal (without its Value), and with no session of a client: questions wait until somebody waits
// for the result. It matters with a store that outlives the process, see [StoreTasks]. Default: such a task has failed.
func Resumable() ToolOption { return toolOption(func(c *toolConfig) { c.resumable = true }) }

// ModelImmediateResponse is a text for the model to go on with while a call of the tool runs as a task. Default none:
// hosts have their own.
func ModelImmediateResponse(text string) ToolOption {
	return toolOption(func(c *toolConfig) { c.immediate = text })
}

// StoreTasks sets where tasks are kept, such as a taskbolt.Store, which survives the process; several processes may share
// one, if it can be shared, and then a task is seen from all of them, while its questions reach only clients that wait for
// its result at the process that runs it. What a process that died was running is run again if its tool is [Resumable],
// and has failed otherwise; with a shared store that takes until TaskLimits.Lease is over. Default: in memory.
//
// The store is the program's to close, after [Server.Shutdown].
func StoreTasks(store TaskStore) Option { return func(c *config) { c.tasks.store = store } }

// LimitTasks bounds tasks; zero fields mean the defaults, see TaskLimits.
func LimitTasks(l TaskLimits) Option { return func(c *config) { c.tasks.limits = l } }

// TasksPerSession binds tasks to the session that made them: only it sees them, and with it they are cancelled and gone.
// Then tasks can be listed also where nobody is authenticated. In stateless mode tasks are then not declared.
//
// By default a task belongs to the principal of its call, in whatever session, and outlives sessions; nobody else sees
// anything of it. Where nobody is authenticated its id, of 130 random bits, is the key to it: who knows the id may see and
// cancel it from any session. Such tasks cannot be listed, and live for an hour at most (TaskLimits.MaxTTLUnowned).
func TasksPerSession() Option { return func(c *config) { c.tasks.perSession = true } }

// TaskFrom gives the task that the call of ctx runs as; nil if it runs as none. Its SetMessage tells the client what is
// going on, besides [Progress], whose token holds for the life of a task.
//
// As a task, a handler runs in a session of its own, which ends with the task: CallFrom(ctx).Session() is that one. Its
// ctx ends when the task is cancelled, expires, or the server shuts down, not with the session of the client. [Elicit],
// [Sample], [Roots] and the like wait until the client asks for the result (tasks/result), and are sent to it then; the
// times of [AskTimeouts] run meanwhile. Progress, log messages and other notifications go to who waits for the result, or
// else to the session that made the call, as long as it is there and listens; progress to that session only. The last 100
// that nobody could hear are kept for who comes to wait before the task ends.
func TaskFrom(ctx context.Context) *Task { return tasks.From(ctx) }
