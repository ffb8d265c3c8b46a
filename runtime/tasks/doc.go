// Package tasks runs requests as tasks (specification 2025-11-25, basic/utilities/tasks), on both sides and in both
// directions. It names no request: what may be a task is in the generated dispatch table ([rpc.Row].Task) and in the
// capabilities for tasks that go with it, so that servers take tools/call, clients sampling/createMessage and
// elicitation/create, and whatever a later revision adds.
//
// # Receiver
//
// A [Receiver] makes a task of a request that asks for it, answers it at once with the task's state, and runs the same
// handler that would have answered it, in a session of its own that ends with the task. It answers tasks/get,
// tasks/result, tasks/list and tasks/cancel, and sends notifications/tasks/status. server and client put it to use.
//
// A task has an owner, or none. What has an owner is nobody else's: to anybody else it does not exist. What has none is
// everybody's who knows its id, which has 130 random bits; it cannot be listed, and lives for a shorter time.
//
// A task that asks its requestor something (elicitation, sampling) has the status input_required until it has an answer.
// The question goes to whoever waits in tasks/result, on the stream of that request; with several, to all of them, and
// the first answer counts; with none it waits for one. If the requestor goes away without an answer it waits again.
// Only the process that runs a task can ask its questions.
//
// # Store
//
// Tasks are in a [Store]. What a requestor is told is in the store before: an outcome is told to nobody until it is
// written, and is never changed after, because writing is a compare-and-swap. Each Receiver tells the store that it lives,
// every ten seconds for the next thirty ([Limits].Lease). What a Receiver ran that does not live any more is an orphan:
// another one, of a process that shares the store or opens it next, takes it over, and runs its request again if
// Config.Resume agrees; otherwise the task has failed. Should the first one live after all, its outcome comes to nothing.
// Clocks of processes that share a store should agree to within a few seconds.
//
// Tasks are seen and cancelled from all processes that share a store; a handler in another process learns of it within a
// third of the lease. All Receivers of a store must serve the same methods and tools.
//
// # Limits
//
//	Limits.Running           10,000            tasks that run, in all        refused with -32010 and {"retryAfter": seconds}
//	Limits.RunningPerOwner   1,000             of one owner or session       the same
//	Limits.Kept              100,000           tasks in the store, in all    the same
//	Limits.KeptPerOwner      10,000            of one owner                  the same
//	NewMemory                256 MiB           of tasks in memory            the same; an outcome that does not fit is an error
//	Limits.TTL               1 h               life of a task, by default
//	Limits.MaxTTL            24 h              life of a task                what asks for more gets this
//	Limits.MaxTTLUnowned     1 h               of one without an owner       the same
//	Limits.ResultBytes       8 MiB             an outcome                    an internal error instead
//	Limits.Polls             20, then 5/s      polls of one task             refused as above
//	Limits.Lookups           2,000, 1,000/s    requests of one requestor     the same
//	Limits.Questions         100               waiting, of one task          one more fails
//	Limits.Runs              5                 runs of a request             the task has failed
//
// Running and Lookups are for one process, Kept for all that share a store. Expired tasks are invisible at once and removed
// within a third of the lease, running or not; there is no goroutine per task but that of its handler.
//
// # Requestor
//
// A [Remote] is a task that the peer runs for us.
package tasks
