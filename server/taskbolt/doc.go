// Package taskbolt keeps the tasks of a server in a file, where they outlive the process.
//
//	store, err := taskbolt.Open("tasks.db")
//	s := server.New("greeter", "1.0.0", server.StoreTasks(store))
//	...
//	_ = s.Shutdown(ctx)
//	_ = store.Close()
//
// The database is go.etcd.io/bbolt: pure Go with one dependency, a single file, transactions that a crash at any moment
// leaves whole, and the one that etcd has in production.
//
// # Durability
//
// What a call of the store has done is on the disk when it returns: not even a power failure takes it back. Calls that
// come while the disk is busy are written together, so that many tasks at once cost little more than one; see [Stats].
// [WithoutSync] leaves it to the system when to write: what a killed process had written is safe then too, but a power
// failure may damage the file. Time for each task, as measured by BenchmarkCreate and others on a virtual machine with two
// cores and a fast disk:
//
//	                                one at a time   200 at once
//	create                          1.0 ms          0.08 ms
//	create, then end                2.4 ms          0.13 ms
//	create, then end, without sync  0.2 ms          0.04 ms
//
// Reading one takes 6 µs, and opening a file of 100,000 tasks less than a millisecond.
//
// # The file
//
// A file belongs to one process at a time: a second [Open] fails with [ErrInUse] once Limits.LockTime is over. Processes
// that share tasks need another server.TaskStore. As nobody else can have run them, what a killed process was running is
// taken over at once, without waiting for TaskLimits.Lease.
//
// It is made with permissions for its owner only (0600), as it has the arguments and results of all tasks; those of a file
// that is there already are left as they are. It should be on a local disk, since locks of network file systems are often
// none. It names its format, and Open refuses one that it does not know with [ErrFormat], what is no file of this package
// with [ErrForeign], and what is cut short or cannot be read with [ErrDamaged]. Each record has a checksum: one that does not
// match is an error where the task is asked for, is left out of lists, and goes when its time is over.
//
// Expired tasks are removed by the server's sweeps. Their space is used again, but the file does not shrink: it stays as
// large as it was at its largest, which Limits.Bytes bounds to within a factor of about two and a half. To make it smaller,
// remove it when no task matters, or run "bbolt compact" on it while no server has it open.
package taskbolt
