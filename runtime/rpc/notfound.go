package rpc

// MethodNotFound is the error for a method that the receiver does not have (-32601).
func MethodNotFound(method string) *Error { return methodNotFound(method) }
