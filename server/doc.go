// Package server makes Model Context Protocol servers: a catalogue of tools, resources and prompts, typed handlers, the
// sessions of the clients, and what a handler may ask of its client.
//
//	type greeting struct {
//		Name string `json:"name" jsonschema:"description=the person to greet"`
//	}
//
//	s := server.New("greeter", "1.0.0")
//	server.AddTool(s, "greet", "Say hi.", func(ctx context.Context, in greeting) (string, error) {
//		return "hello, " + in.Name, nil
//	})
//	err := s.Serve(ctx, stdio.Serve)
//
// A [Server] is an rpc.Acceptor: every transport of this module serves it, as many sessions at once as there are
// clients. Handlers run concurrently. The ctx of a handler is always that of the current request: it ends when the
// client cancels or goes away, and everything a handler may do besides returning goes through it: [CallFrom],
// [Progress], [Log], [Elicit], [ElicitURL], [Sample], [Roots], [Once].
//
// What a server declares (specification 2025-11-25, basic/lifecycle) follows from what is registered when a client
// initializes, and from options. A method that was not declared to a client is answered with "method not found", and a
// method that the client did not declare is never sent: the Go error, a [*CapabilityError], names the capability.
//
// # Tasks
//
// A tool with [TaskOptional] or [TaskRequired] may be called as a task (basic/utilities/tasks): the client has an id at
// once and asks for the result later, as does another process, or the same after a restart. Whose tasks are whose is at
// [TasksPerSession], what a handler may do at [TaskFrom], and where tasks are kept at [StoreTasks]. Mind that where nobody
// is authenticated the id of a task is all it takes to see its result. Tasks outlive sessions: end them with
// [Server.Shutdown]. In stateless mode they work the same, but for questions to the client; with several processes behind
// one address these need one store.
//
// # Limits
//
//	PageSize           250          entries on a page of a list
//	ListChangedDelay   20 ms        in which changes of lists are collected
//	HandshakeTimeout   30 s         for something to follow initialize, over HTTP only
//	Timeouts           60 s         for sampling, 10 min in all
//	                   10 min       for elicitation, 1 h in all
//	                   30 s         for roots, 5 min in all
//	LimitProgress      20, 20/s     progress notifications of a call
//	LimitResources     8,192        bytes of a URI from a client
//	                   1,000        subscriptions of a session
//	                   1,000        updates waiting for a session
//	LimitCompletions   100, 50/s    completions of a session
//	LimitTree          8 MiB        of a file that is read
//	                   1,000        files of a tree that are listed
//	                   100,000      files and folders looked at for that
//	                   10,000       names of a folder
//	OpenVisits         1,000        URL elicitations of a session that are not complete
//	LimitTasks                      see runtime/tasks
//	SessionLimits                   see rpc.Limits
//
// Numbers in arguments and results that are validated have at most 1,000 digits and exponents up to 999. Of what is
// wrong with arguments the first ten problems are told.
package server

// How a feature plugs in. A feature is a file or several in this package, named for it: tool*.go, resource*.go, ...
//
//   - What it lists is a [registry] in Server: ordered, named, with pages that survive additions and removals, the
//     filter per request, mounting, and a list_changed notification after changes, coalesced. newRegistry wires all of
//     that; the feature gives the kind and how an entry is described to filters. unknownName is the error for a name that
//     is not there.
//   - Its requests are methods of handler (handler.go) with the signatures of the generated interfaces, such as
//     func (h handler) ListTools(ctx, *mcp.PaginatedParams) (*mcp.ListToolsResult, error). The dispatch binds whatever
//     interfaces handler implements; assert it with var _ mcp.ToolsHandler = handler{}. They need not check
//     capabilities: gate (lifecycle.go) has answered -32601 before, going by the capability in the generated table.
//   - What it declares it adds in its method declare(*mcp.ServerCapabilities), which capability.go calls.
//   - What belongs to a session is a field of sessionState (session.go), got with stateFrom(ctx) in a handler or
//     s.sessions.all() for all. It goes when the session ends, however it ends; for what is kept elsewhere by session
//     there is sessionState.onEnd.
//   - Options shared by tools, resources and prompts (Title, Icons, Meta in itemoption.go) are types with one apply
//     method per feature: applyTool, applyResource, applyPrompt.
//   - A server mounted under another hands over its entries in the feature's method mount (mount.go has the tools').
//   - Mistakes of the programmer at registration are *Mistake (mistake.go): AddX panics with it, TryAddX returns it.
//   - Tasks run in sessions of their own (task.go), whose sessionState has the field task: what belongs to the client, and
//     not to the call, is in root().
//   - Results pass forPeer (downlevel.go) on their way out: nothing else looks at the version of the peer.
