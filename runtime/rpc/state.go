package rpc

// State gives what the session's Config has as State: what the layer above keeps with the session, such as what a server
// knows of its client. It lives as long as the session is referred to.
func (s *Session) State() any { return s.cfg.State }
