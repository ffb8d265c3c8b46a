// Package transporttest is the test suite that every transport must pass, whatever it carries messages over: order, both
// directions at once, a thousand calls at once, cancellation, large messages, handlers that take their time, closing while
// calls are in flight, and no goroutine left behind. RunSizes is for the limit of the size of a message, to the byte and in
// both directions, and RunNetwork for transports over a network: in small pieces, read slowly, and broken off anywhere.
//
// A transport's test gives the suite a way to reach the suite's own [Server]:
//
//	func TestSuite(t *testing.T) {
//		transporttest.Run(t, func(t *testing.T) rpc.Transport { return pipe.To(transporttest.Server(), pipe.Limits{}) })
//	}
//
// Where the server is another process, that process serves Server.
package transporttest
