package tasks

import (
	"fmt"
	"math"
	"time"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Limits bounds what a [Receiver] does for its requestors. A zero field means its default; a negative one means no limit,
// except where it says otherwise. What is refused for a limit is answered with rpc.CodeBusy and {"retryAfter": seconds}.
type Limits struct {
	// Running is how many tasks this Receiver runs at once, in all; default 10,000. A task counts until its handler has
	// returned, however it ended.
	Running int
	// RunningPerOwner is the same for one owner, or, where tasks have none, for one session; default 1,000.
	RunningPerOwner int
	// Kept is how many tasks the store keeps, in all, running or not; default 100,000.
	Kept int
	// KeptPerOwner is the same for one owner; default 10,000. It does not hold for tasks without an owner.
	KeptPerOwner int
	// TTL is how long tasks live whose requestor asks for nothing else; default 1 h. It is cut to what follows.
	TTL time.Duration
	// MaxTTL is how long a task may live, from its creation; default 24 h. What asks for more gets this.
	MaxTTL time.Duration
	// MaxTTLUnowned is the same for tasks without an owner, which whoever knows the id may see; default 1 h.
	MaxTTLUnowned time.Duration
	// ResultBytes is how large an outcome may be; default 8 MiB. A larger one is an internal error instead.
	ResultBytes int
	// PollInterval is what requestors are told to wait between polls; default 1 s. A negative one tells them nothing.
	PollInterval time.Duration
	// Polls is how often one task may be asked after, by tasks/get and tasks/result together; default a burst of 20, then
	// 5 a second.
	Polls ratelimit.Rate
	// Lookups is how often an owner, or where tasks have none, a session, may ask after tasks, its own or not; default a
	// burst of 2,000, then 1,000 a second. Tasks without an owner have no such limit in stateless mode, where nothing
	// tells their requestors apart.
	Lookups ratelimit.Rate
	// Questions is how many requests of one task to its requestor may wait; default 100. One more fails.
	Questions int
	// Runs is how often a request is started before it is given up because the process died each time; default 5.
	Runs int
	// Lease is how long the tasks of a process that died are left alone before another one that shares its store takes
	// them over; default 30 s. A third of it is how often expired tasks are swept. It has no negative value.
	Lease time.Duration
}

const noLimit = math.MaxInt32

func (l Limits) withDefaults() Limits {
	count := func(n *int, standard int) {
		switch {
		case *n == 0:
			*n = standard
		case *n < 0:
			*n = noLimit
		}
	}
	span := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	rate := func(r *ratelimit.Rate, standard ratelimit.Rate) {
		if *r == (ratelimit.Rate{}) {
			*r = standard
		}
	}
	count(&l.Running, 10_000)
	count(&l.RunningPerOwner, 1000)
	count(&l.Kept, 100_000)
	count(&l.KeptPerOwner, 10_000)
	count(&l.ResultBytes, 8<<20)
	rate(&l.Polls, ratelimit.Rate{PerSecond: 5, Burst: 20})
	rate(&l.Lookups, ratelimit.Rate{PerSecond: 1000, Burst: 2000})
	count(&l.Questions, 100)
	count(&l.Runs, 5)
	span(&l.TTL, time.Hour)
	span(&l.MaxTTL, 24*time.Hour)
	span(&l.MaxTTLUnowned, time.Hour)
	span(&l.PollInterval, time.Second)
	if l.Lease <= 0 {
		l.Lease = 30 * time.Second
	}
	return l
}

// ttl gives the lifetime of a task whose requestor asked for so much, 0 being nothing in particular; 0 is for ever.
func (l *Limits) ttl(asked time.Duration, owned bool) time.Duration {
	most := l.MaxTTL
	if !owned {
		most = l.MaxTTLUnowned
	}
	if asked == 0 {
		asked = l.TTL
	}
	switch {
	case most < 0:
		return max(asked, 0)
	case asked < 0:
		return most
	}
	return min(asked, most)
}

// Stats are counters of a [Receiver] since it was made.
type Stats struct {
	// Running is how many handlers of tasks run now, and Asking how many tasks wait for input now.
	Running, Asking int
	// Created, Completed, Failed, Cancelled and Expired count tasks; Expired those that ended by their time being over.
	Created, Completed, Failed, Cancelled, Expired int64
	// Resumed is how many tasks were run again after their process had died, and Abandoned how many ended for that.
	Resumed, Abandoned int64
	// Retrieved is how many outcomes were handed out.
	Retrieved int64
	// Refused is how many tasks were refused because there were too many, Throttled how many requests about tasks came
	// too fast, and Misses how many were about a task that is not there, or somebody else's.
	Refused, Throttled, Misses int64
	// Superseded is how many outcomes came to nothing, because the task had ended otherwise by then.
	Superseded int64
	// StoreErrors is how often the store failed.
	StoreErrors int64
}

// refuse refuses something for a limit.
func refuse(wait time.Duration, format string, args ...any) *rpc.Error {
	return ratelimit.Refusal(fmt.Sprintf(format, args...), wait)
}
