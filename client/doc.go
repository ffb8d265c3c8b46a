// Package client is the client side of the Model Context Protocol (specification 2025-11-25): it opens a session with a
// server over any transport, calls what the server offers, and answers what the server asks.
//
//	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), stdio.Command("greeter"))
//	defer c.Close()
//	hi, err := client.CallTool[string](ctx, c, "greet", greeting{Name: "Ada"})
//	for tool, err := range c.Tools(ctx) { … }
//
// # Calls
//
// Every method a client may send is a method of [Client]; [Client.Stub] has them with all their params, and
// [Client.Call] takes any method with raw JSON. A call whose capability the server does not declare fails with a
// [*CapabilityError] and sends nothing. The errors of calls are [*rpc.Error]; a tool that failed is a [*ToolError], and
// an output that does not fit what the tool declares an [*OutputError].
//
// When a call's ctx ends the server is told to give it up. A call under a ctx without a deadline ends after 5 minutes in
// which nothing was heard of it ([WithTimeout], [Timeout]): progress starts the time anew, and it stands still while the
// server asks us something, as a user may be answering. No call takes longer than an hour ([WithMaxTime], [MaxTime]).
//
// # What the server asks
//
// The options that start with On, and [WithRoots], say what the client can do for the server. The capabilities it
// declares are those of the handlers it has; whatever else the server asks for is answered with "method not found"
// (-32601), or -32602 for a mode or a part of a method that was not declared. Handlers for requests run concurrently;
// those for notifications run one after another, in the order of arrival, and may call the server. [From] gives them
// the client.
//
// # Tasks
//
// A tool that the server lets run as a task (basic/utilities/tasks) is started by [StartTool], which gives a [Task] at
// once. [Task.Wait] gives what [CallTool] would have given; it may be given up and called again, from another client too
// and after a restart of the program, by the task's id ([ResumeTask]). [Client.Tasks] lists them where the server knows
// whose they are.
//
//	task, err := client.StartTool[report](ctx, c, "report", args, client.TTL(time.Hour))
//	save(task.ID())
//	r, err := task.Wait(ctx)
//
// [CallTool] runs a tool that must be a task as one, and waits. With [WithTasks] the client in turn runs what the server
// asks of it, sampling and elicitation, as tasks of the server's.
//
// # When the session ends
//
// A server may forget a session at any time, which over HTTP shows as status 404. The client then opens another one over
// the same transport, once, however many calls meet the end; restores subscriptions and the log level; calls the
// [OnReconnect] function; and repeats the calls that the server refused. Calls that had been accepted fail, since they
// may have run. Any other end, such as that of a child process, is final: [Client.Done].
//
// # Limits
//
//	WithTimeout    5 min    silence during a call
//	WithMaxTime    1 h      a call in all
//	WithMaxPages   10,000   pages of one list
//	WithLimits     see rpc.Limits
//	WithPolling    1 s      until the first look at a task, and longer and longer up to
//	               30 s     where the server does not say how often
//	               10       requests about a task in a row that get no answer
//	WithTasks      see tasks.Limits
//
// The newest 4,096 tasks hear of notifications, the others are polled only; of a task's progress 256 reports wait for
// somebody to wait for it. Of the URL mode elicitations under way the newest 1,024 are remembered, to tell which
// completions are meant for us.
package client
