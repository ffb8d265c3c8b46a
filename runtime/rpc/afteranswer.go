package rpc

import "context"

// AfterAnswer has f called once the request that ctx belongs to has been answered, or, with false, when it is certain
// that it never will be, because the peer cancelled it or the session closed. f runs on the request's goroutine, after
// the handler returned, and must not block. It is for handlers that start something which the peer must not hear of
// before the answer. It reports whether f will be called: false if ctx belongs to no request that runs.
func AfterAnswer(ctx context.Context, f func(answered bool)) bool {
	in, ok := ctx.Value(incomingKey{}).(*incoming)
	if !ok {
		return false
	}
	in.m.session.update(func(*state) {
		if ok = !in.responded; !ok {
			return
		}
		before := in.after
		in.after = func(answered bool) {
			if before != nil {
				before(answered)
			}
			f(answered)
		}
	})
	return ok
}
