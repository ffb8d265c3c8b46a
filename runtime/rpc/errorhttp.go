package rpc

// httpAnswer is how an error is answered over HTTP.
type httpAnswer struct {
	status int
	header map[string][]string
}

// WithHTTP returns a copy of e that asks for an HTTP status, such as 403, and header fields by their canonical names, as
// in net/http; nil for none. An HTTP transport answers a request with them if e is its whole answer: if nothing of the
// response has begun and the request was not part of a batch. Elsewhere e is an error like any other; neither is ever part
// of the message. The header must not be changed after this. Status 0 takes both away.
func (e *Error) WithHTTP(status int, header map[string][]string) *Error {
	c := *e
	c.http = nil
	if status != 0 {
		c.http = &httpAnswer{status, header}
	}
	return &c
}

// HTTP gives what [Error.WithHTTP] set: the status, 0 for none, and the header fields, which must not be changed.
func (e *Error) HTTP() (status int, header map[string][]string) {
	if e.http == nil {
		return 0, nil
	}
	return e.http.status, e.http.header
}
