package rpc

import "time"

// worker is a goroutine that handles requests, one at a time. Every request has one to itself, but it need not be new:
// a busy session's requests would spend more time on growing the stacks of new goroutines than on all else.
type worker struct {
	next  chan *incoming // holds one: the next request, or nil to end
	rests bool           // it is among those that rest, or about to be given a request
}

const (
	mostResting = 64          // per session
	mostHurried = 4           // so many requests come before any worker rests
	restTime    = time.Second // how often those that were not needed in that time are dismissed
)

// work handles the request, and others as long as the session has them.
func work(in *incoming) {
	w := &worker{next: make(chan *incoming, 1)}
	for in != nil {
		w.rests = false
		in.run(w)
		if !w.rests {
			return
		}
		in = <-w.next
	}
}

// takeWorker gives a worker that rests, if there is one.
func (st *state) takeWorker() *worker {
	n := len(st.resting) - 1
	if n < 0 {
		return nil
	}
	w := st.resting[n]
	st.resting[n] = nil
	st.resting = st.resting[:n]
	st.surplus = min(st.surplus, n)
	return w
}

// rest lets a worker wait for the next request, unless enough do.
func (st *state) rest(s *Session, w *worker) {
	st.handled++
	if st.closed || len(st.resting) >= mostResting || st.handled < mostHurried && len(st.resting) == 0 {
		return // the first requests open the session, which may rest for long after that
	}
	w.rests = true
	st.resting = append(st.resting, w)
	if !st.timed {
		st.timed, st.surplus = true, 0
		time.AfterFunc(restTime, s.dismissIdle)
	}
}

// dismissIdle ends the workers that were not needed lately, and comes back as long as any rest.
func (s *Session) dismissIdle() {
	var idle []*worker
	s.update(func(st *state) {
		n := min(st.surplus, len(st.resting))
		idle = append(idle, st.resting[:n]...)
		kept := copy(st.resting, st.resting[n:])
		clear(st.resting[kept:])
		st.resting = st.resting[:kept]
		st.surplus = kept
		if st.timed = kept > 0; st.timed {
			time.AfterFunc(restTime, s.dismissIdle)
		} else {
			st.resting = nil
		}
	})
	dismiss(idle)
}

func dismiss(workers []*worker) {
	for _, w := range workers {
		w.next <- nil
	}
}
