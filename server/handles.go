package server

// Handles reports whether the server has a handler for the method, declared or not: for transports that refuse what comes
// before there is a session, and have to say whether such a method exists at all.
func (s *Server) Handles(method string) bool { return s.dispatch.Handles(method) }
