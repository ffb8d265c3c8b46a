package rpc

import (
	"context"
	"time"
)

// limitTime ends the request when its handler takes too long. It is called before the handler is.
func (in *incoming) limitTime(most time.Duration) {
	in.slow = time.AfterFunc(most, func() { in.tookTooLong(most) })
}

// tookTooLong answers the request with an error, unless it has ended.
func (in *incoming) tookTooLong(most time.Duration) {
	s := in.m.session
	live := false
	s.update(func(st *state) {
		if live = !st.closed && in.end(); live {
			st.stats.TimedOut++
			st.helpers++
		}
	})
	if !live {
		return
	}
	late := Errorf(CodeTimeout, "%s took longer than %v and was given up: %w", clip(in.m.Method), most, context.DeadlineExceeded)
	in.cancel(late)
	in.ended(s.sendResponse(in.stream(), NewError(in.m.ID, late), in.m.Method))
	s.update(func(st *state) { st.helpers-- })
}
