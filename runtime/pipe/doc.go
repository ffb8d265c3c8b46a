// Package pipe connects a client and a server in one process, without any input or output: for tests, and for programs
// that embed a server.
//
// Messages are encoded and parsed as on any other transport, so that both ends see what they would see elsewhere. A
// message is handed to the other session by the goroutine that sends it: the pipe has no goroutines and no queue of its
// own. What bounds it are the limits of the two sessions ([rpc.Limits]), which refuse or drop what is too much, and the
// size of a message ([Limits]).
//
// When one session closes, for whatever reason, the other does too.
package pipe
