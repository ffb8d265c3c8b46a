package rpc

import "context"

// queued is a notification that waits for its handler.
type queued struct {
	ctx  context.Context // with the values that it arrived with
	m    *Message
	wait <-chan struct{} // an initialize request that must be answered first; nil if none
}

// notification puts a notification into the queue, if anybody is interested.
func (s *Session) notification(ctx context.Context, m *Message) error {
	if m.bind() == nil && (s.dispatch == nil || s.dispatch.handler == nil) {
		return nil
	}
	size := len(m.raw.Bytes())
	var dropped, first bool
	s.update(func(st *state) {
		if st.closed {
			return
		}
		if len(st.queue) >= s.cfg.Limits.Notifications ||
			len(st.queue) > 0 && size > s.cfg.Limits.NotificationBytes-st.queueBytes {
			st.stats.DroppedNotifications++
			dropped, first, st.dropping = true, !st.dropping, true
			return
		}
		st.dropping = false
		st.queue = append(st.queue, queued{detached(ctx), m, st.opening})
		st.queueBytes += size
	})
	if first {
		s.log.WarnContext(ctx, "rpc: notifications are dropped, their handler does not keep up", "method", clip(m.Method))
	}
	if dropped {
		return Errorf(CodeBusy, "too many notifications are waiting")
	}
	return nil
}

// handleNotifications handles the queue in order; its goroutine lives while there is something in it.
func (s *Session) handleNotifications() {
	for {
		var q queued
		more := false
		s.update(func(st *state) {
			if more = len(st.queue) > 0; !more {
				st.queue, st.notifying = nil, false
				return
			}
			q = st.queue[0]
			st.queue[0] = queued{}
			st.queue = st.queue[1:]
			st.queueBytes -= len(q.m.raw.Bytes())
		})
		if !more {
			return
		}
		if q.wait != nil {
			select {
			case <-q.wait:
			case <-s.ctx.Done():
				continue
			}
		}
		s.handleNotification(&notificationContext{s.ctx, q.ctx, q.m})
	}
}

func (s *Session) handleNotification(ctx *notificationContext) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		_ = s.panicked(ctx, ctx.m.Method, v)
		if v == nil {
			go s.handleNotifications() // this goroutine is ending: runtime.Goexit
		}
	}()
	if _, err := s.dispatch.handle(ctx, ctx.m); err != nil {
		s.log.DebugContext(ctx, "rpc: a notification was not handled", "method", clip(ctx.m.Method), "error", err)
	}
	returned = true
}
