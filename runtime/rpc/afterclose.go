package rpc

// AfterClose has f called on a goroutine of its own once the session has closed, at once if it has. It is
// context.AfterFunc on its Context for less memory.
func (s *Session) AfterClose(f func()) {
	closed := false
	s.update(func(st *state) {
		if closed = st.closed; !closed {
			st.ends = append(st.ends, f)
		}
	})
	if closed {
		go f()
	}
}
