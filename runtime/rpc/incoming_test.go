package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What the session answers to one message, exactly.
func TestAnswers(t *testing.T) {
	h := &handler{echo: func(_ context.Context, p *echoParams) (*echoResult, error) {
		switch p.Text {
		case "nothing":
			return nil, nil
		case "forbidden":
			return &echoResult{"forbidden"}, nil
		case "plain":
			return nil, errors.New("it broke")
		case "coded":
			return nil, fmt.Errorf("outer: %w", rpc.Errorf(-32002, "not there").WithData(wire.MustRaw(`{"uri":"x"}`)))
		}
		return &echoResult{p.Text}, nil
	}}
	for name, c := range map[string]struct{ text, want string }{
		"integer id": {`{"jsonrpc":"2.0","id":7,"method":"echo","params":{"text":"hi"}}`,
			`{"jsonrpc":"2.0","id":7,"result":{"text":"hi"}}`},
		"string id": {`{"jsonrpc":"2.0","id":"7","method":"echo","params":{"text":"hi"}}`,
			`{"jsonrpc":"2.0","id":"7","result":{"text":"hi"}}`},
		"the id as it was written": {`{"jsonrpc":"2.0","id":7.0,"method":"echo","params":{"text":"hi"}}`,
			`{"jsonrpc":"2.0","id":7.0,"result":{"text":"hi"}}`},
		"an id beyond int64": {`{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}`,
			`{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}`},
		"ping": {`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`},
		"a nil result is the zero result": {`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"nothing"}}`,
			`{"jsonrpc":"2.0","id":1,"result":{"text":""}}`},
		"unknown method": {`{"jsonrpc":"2.0","id":1,"method":"nope"}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found: \"nope\""}}`},
		"a method in another case": {`{"jsonrpc":"2.0","id":1,"method":"Echo"}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found: \"Echo\""}}`},
		"a notification's method as a request": {`{"jsonrpc":"2.0","id":1,"method":"notifications/noted","params":{"text":""}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found: \"notifications/noted\""}}`},
		"wrong type in params": {`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":5}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid params of echo: at /params/text: expected a string, found number 5",` +
				`"data":{"pointer":"/params/text","expected":"a string"}}}`},
		"missing params": {`{"jsonrpc":"2.0","id":1,"method":"echo"}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid params of echo: at /params: expected the member \"text\", found the end of the object",` +
				`"data":{"pointer":"/params","expected":"the member \"text\""}}}`},
		"params that do not validate": {`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"","delay":-1}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid params of echo: at /params/delay: expected a number from 0",` +
				`"data":{"pointer":"/params/delay","expected":"a number from 0"}}}`},
		"array params": {`{"jsonrpc":"2.0","id":1,"method":"echo","params":["x"]}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"not a message: at /params (offset 49): expected an object, found an array",` +
				`"data":{"pointer":"/params","expected":"an object"}}}`},
		"a result that does not validate": {`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"forbidden"}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"internal error: the result is not valid"}}`},
		"a Go error": {`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"plain"}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"it broke"}}`},
		"an rpc error": {`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"coded"}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"not there","data":{"uri":"x"}}}`},
		"bad JSON": {`{"jsonrpc":"2.0","id":1,`,
			`{"jsonrpc":"2.0","error":{"code":-32700,"message":"not acceptable JSON: at offset 24: expected a member name, found the end of the input",` +
				`"data":{"pointer":"","expected":"a member name"}}}`},
		"a malformed request": {`{"jsonrpc":"2","id":"r","method":"echo"}`,
			`{"jsonrpc":"2.0","id":"r","error":{"code":-32600,"message":"not a message: at /jsonrpc (offset 11): expected \"2.0\", found string \"2\"",` +
				`"data":{"pointer":"/jsonrpc","expected":"\"2.0\""}}}`},
		"null id": {`{"jsonrpc":"2.0","id":null,"method":"echo"}`,
			`{"jsonrpc":"2.0","error":{"code":-32600,"message":"not a message: the id of a request must be a string or an integer, not null"}}`},
		"neither request nor response": {`{"jsonrpc":"2.0","id":1}`,
			`{"jsonrpc":"2.0","error":{"code":-32600,"message":"not a message: it has no method, result or error"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			o := start(t, h)
			_ = o.receive(c.text)
			o.expect(c.want)
			// The session goes on.
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":"after","method":"ping"}`))
			o.expect(`{"jsonrpc":"2.0","id":"after","result":{}}`)
		})
	}
}

// Nothing is ever sent in return for these.
func TestNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"unknown notification":             `{"jsonrpc":"2.0","method":"notifications/nope"}`,
		"a request's method, but no id":    `{"jsonrpc":"2.0","method":"echo","params":{"text":"x"}}`,
		"notification with bad params":     `{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":1}}`,
		"notification with array params":   `{"jsonrpc":"2.0","method":"notifications/noted","params":[]}`,
		"malformed notification":           `{"jsonrpc":"1.0","method":"notifications/noted"}`,
		"cancellation of nothing":          `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}`,
		"cancellation without id":          `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`,
		"progress for nobody":              `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}`,
		"malformed progress":               `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":"x"}}`,
		"response nobody waits for":        `{"jsonrpc":"2.0","id":99,"result":{}}`,
		"string response nobody waits for": `{"jsonrpc":"2.0","id":"99","error":{"code":1,"message":"x"}}`,
		"error without id":                 `{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}`,
		"error with null id":               `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`,
		"malformed result":                 `{"jsonrpc":"2.0","id":99,"result":7}`,
		"malformed error":                  `{"jsonrpc":"2.0","error":{"code":"x"}}`,
		"bad JSON in a result":             `{"jsonrpc":"2.0","id":99,"result":{"x":tru}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := start(t, new(handler))
				_ = o.receive(text)
				synctest.Wait()
				o.quiet(t)
			})
		})
	}
}

func TestInvalidResultIsLoggedWithItsPointer(t *testing.T) {
	o := start(t, &handler{echo: func(context.Context, *echoParams) (*echoResult, error) { return &echoResult{"forbidden"}, nil }})
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":""}}`))
	o.next(t)
	require.Contains(t, o.logs.String(), "invalid result of echo: at /result/text: expected another text")
}

func TestHandlerWithoutTheInterfaceHasNoSuchMethod(t *testing.T) {
	o := start(t, struct{}{})
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":""}}`))
	o.expect(`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found: \"echo\""}}`)
}

func TestSameIDInFlightIsRefused(t *testing.T) {
	release := make(chan struct{})
	o := start(t, &handler{echo: func(ctx context.Context, p *echoParams) (*echoResult, error) {
		<-release
		return &echoResult{p.Text}, nil
	}})
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"first"}}`))
	err := o.receive(`{"jsonrpc":"2.0","id":1.0,"method":"echo","params":{"text":"second"}}`)
	require.EqualValues(t, rpc.CodeInvalidRequest, rpc.CodeOf(err))
	o.expect(`{"jsonrpc":"2.0","id":1.0,"error":{"code":-32600,"message":"a request with id 1.0 is already in flight"}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":"1","method":"echo","params":{"text":"a string is another id"}}`))
	close(release)
	got := []string{o.next(t), o.next(t)}
	require.ElementsMatch(t, []string{
		`{"jsonrpc":"2.0","id":1,"result":{"text":"first"}}`,
		`{"jsonrpc":"2.0","id":"1","result":{"text":"a string is another id"}}`,
	}, got)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"again"}}`), "free once answered")
	o.expect(`{"jsonrpc":"2.0","id":1,"result":{"text":"again"}}`)
}

func TestInFlightLimit(t *testing.T) {
	for name, limits := range map[string]rpc.Limits{
		"requests": {InFlight: 3},
		"bytes":    {InFlightBytes: 3 * len(`{"text":"x"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			o := start(t, &handler{echo: func(context.Context, *echoParams) (*echoResult, error) {
				<-release
				return nil, nil
			}}, func(c *rpc.Config) { c.Limits = limits })
			request := func(id int) error {
				return o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"echo","params":{"text":"x"}}`, id))
			}
			for id := range 3 { // one below, and at the limit
				require.NoError(t, request(id))
			}
			o.quiet(t)
			require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(request(3)))
			o.expect(`{"jsonrpc":"2.0","id":3,"error":{"code":-32010,"message":"too many requests in flight, nothing was done: retry later","data":{"retryAfter":1}}}`)
			require.EqualValues(t, 1, o.Stats().Busy)
			close(release)
			for range 3 {
				o.next(t)
			}
			require.NoError(t, o.Wait(t.Context()))
			require.NoError(t, request(4))
			o.next(t)
		})
	}
}

func TestOneRequestLargerThanTheBytesInFlightRuns(t *testing.T) {
	o := start(t, new(handler), func(c *rpc.Config) { c.Limits.InFlightBytes = 4 })
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"large"}}`))
	o.expect(`{"jsonrpc":"2.0","id":1,"result":{"text":"large"}}`)
}

// The reader never waits for a handler, of a request or of a notification.
func TestReceiveDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := start(t, &handler{
			echo:  func(context.Context, *echoParams) (*echoResult, error) { <-release; return nil, nil },
			noted: func(context.Context, *echoParams) error { <-release; return nil },
		})
		for id := range 100 {
			require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"echo","params":{"text":"x"}}`, id)))
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"x"}}`))
		}
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":"p","method":"ping"}`))
		o.expect(`{"jsonrpc":"2.0","id":"p","result":{}}`)
		close(release)
	})
}

func TestCancellationByThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := make(chan error, 1)
		finish := make(chan struct{})
		o := start(t, &handler{echo: func(ctx context.Context, _ *echoParams) (*echoResult, error) {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			<-finish
			require.Error(t, rpc.SessionFrom(ctx).Notify(ctx, "late", nil), "nothing is sent under an ended context")
			return &echoResult{"too late"}, nil
		}})
		out := newTap()
		require.NoError(t, o.Receive(context.Background(), []byte(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":""}}`), out))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1.0,"reason":"lost interest"}}`))
		err := <-cause
		require.ErrorIs(t, err, rpc.ErrCancelled)
		require.EqualError(t, err, "cancelled by the peer: lost interest")
		require.ErrorIs(t, <-out.end, rpc.ErrCancelled, "the stream ends at once, without a response")
		require.Equal(t, 1, o.Stats().InFlight, "it counts while its handler runs")
		close(finish)
		synctest.Wait()
		out.quiet(t)
		o.quiet(t)
		require.Equal(t, 0, o.Stats().InFlight)
		require.Empty(t, out.end)
		// A string is another id.
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"1"}}`))
	})
}

func TestInitializeIsNotCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := start(t, &handler{open: func(ctx context.Context) error {
			<-release
			return ctx.Err()
		}})
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`))
		close(release)
		o.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	})
}

// What a client sends without waiting for the answer to initialize is handled after it, except for ping.
func TestWhatFollowsInitializeWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var opened, noted atomic.Bool
		o := start(t, &handler{
			open:  func(context.Context) error { <-release; opened.Store(true); return nil },
			noted: func(context.Context, *echoParams) error { noted.Store(opened.Load()); return nil },
			echo: func(context.Context, *echoParams) (*echoResult, error) {
				return &echoResult{fmt.Sprint(opened.Load())}, nil
			},
		})
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":""}}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"method":"echo","params":{"text":""}}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":3,"method":"ping"}`))
		o.expect(`{"jsonrpc":"2.0","id":3,"result":{}}`)
		synctest.Wait()
		o.quiet(t)
		close(release)
		o.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		o.expect(`{"jsonrpc":"2.0","id":2,"result":{"text":"true"}}`)
		synctest.Wait()
		require.True(t, noted.Load())
	})
}

func TestCancelledWhileItWaitsForInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := start(t, &handler{
			open: func(context.Context) error { <-release; return nil },
			echo: func(context.Context, *echoParams) (*echoResult, error) { t.Error("it ran"); return nil, nil },
		})
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"method":"echo","params":{"text":""}}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`))
		synctest.Wait()
		close(release)
		o.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		require.NoError(t, o.Wait(t.Context()))
		o.quiet(t)
	})
}

// Goroutines are used again while requests keep coming, and gone soon after.
func TestAnIdleSessionHasNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		workers := func() int {
			all := make([]byte, 1<<20)
			return strings.Count(string(all[:runtime.Stack(all, true)]), "rpc.work(")
		}
		var running sync.WaitGroup
		o := start(t, &handler{echo: func(context.Context, *echoParams) (*echoResult, error) {
			running.Done()
			running.Wait() // all at once
			return nil, nil
		}})
		burst := func(n int) {
			running.Add(n)
			for id := range n {
				require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"echo","params":{"text":""}}`, id)))
			}
			require.NoError(t, o.Wait(t.Context()))
			synctest.Wait()
		}
		burst(100)
		require.Equal(t, 64, workers(), "at most so many rest")
		for range 10 { // a few are used on
			time.Sleep(300 * time.Millisecond)
			burst(3)
		}
		require.Equal(t, 3, workers())
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Zero(t, workers())
		burst(3)
		o.Close(nil)
		synctest.Wait()
		require.Zero(t, workers())
	})
}

func TestPanicsAreContained(t *testing.T) {
	const internal = `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"internal error"}}`
	for name, echo := range map[string]func(context.Context, *echoParams) (*echoResult, error){
		"panic": func(context.Context, *echoParams) (*echoResult, error) { panic("secret") },
		"index": func(_ context.Context, p *echoParams) (*echoResult, error) {
			var s []string
			return &echoResult{s[len(p.Text)+1]}, nil
		},
		"nil func": func(context.Context, *echoParams) (*echoResult, error) { var f func(); f(); return nil, nil },
		"Goexit":   func(context.Context, *echoParams) (*echoResult, error) { runtime.Goexit(); return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := start(t, &handler{echo: echo})
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":""}}`))
			o.expect(internal)
			require.EqualValues(t, 1, o.Stats().Panics)
			require.Contains(t, o.logs.String(), "incoming_test.go", "the stack is in the log")
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"method":"ping"}`))
			o.next(t)
		})
	}
	for name, result := range map[string]wire.Appender{"encoder": bomb{}, "validator": badValidator{}} {
		t.Run(name, func(t *testing.T) {
			o := start(t, nil, func(c *rpc.Config) {
				c.Dispatch = rpc.NewDispatch(nil, nil, func(rpc.Handler) rpc.Handler {
					return func(context.Context, *rpc.Message) (wire.Appender, error) { return result, nil }
				})
			})
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"x"}`))
			o.expect(internal)
			require.EqualValues(t, 1, o.Stats().Panics)
		})
	}
	for name, noted := range map[string]func(){"panic": func() { panic("secret") }, "Goexit": runtime.Goexit} {
		t.Run("notification "+name, func(t *testing.T) {
			seen := make(chan string, 2)
			o := start(t, &handler{noted: func(_ context.Context, p *echoParams) error {
				if p.Text == "bad" {
					noted()
				}
				seen <- p.Text
				return nil
			}})
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"bad"}}`))
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"good"}}`))
			require.Equal(t, "good", <-seen)
			require.EqualValues(t, 1, o.Stats().Panics)
		})
	}
}

type bomb struct{}

func (bomb) AppendJSON([]byte) []byte { panic("bomb") }

type badValidator struct{ empty }

func (badValidator) AppendJSON(b []byte) []byte { return append(b, "{}"...) }
func (badValidator) Validate() error            { panic("validator") }

func TestNotificationsAreHandledInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got strings.Builder
		o := start(t, &handler{noted: func(_ context.Context, p *echoParams) error {
			time.Sleep(time.Millisecond)
			got.WriteString(p.Text)
			return nil
		}})
		for _, c := range "abcdefghij" {
			require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"%c"}}`, c)))
		}
		require.NoError(t, o.Wait(t.Context()))
		require.Equal(t, "abcdefghij", got.String())
	})
}

func TestNotificationQueueIsBounded(t *testing.T) {
	for name, limits := range map[string]rpc.Limits{
		"messages": {Notifications: 3},
		"bytes":    {NotificationBytes: 3 * len(`{"text":"x"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				handled := 0
				o := start(t, &handler{noted: func(context.Context, *echoParams) error { <-release; handled++; return nil }},
					func(c *rpc.Config) { c.Limits = limits })
				note := func() error {
					return o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"x"}}`)
				}
				require.NoError(t, note())
				synctest.Wait() // it is being handled and no longer waits
				for range 3 {   // one below, and at the limit
					require.NoError(t, note())
				}
				require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(note()))
				require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(note()))
				require.EqualValues(t, 2, o.Stats().DroppedNotifications)
				require.Equal(t, 1, strings.Count(o.logs.String(), "notifications are dropped"), "logged once")
				close(release)
				require.NoError(t, o.Wait(t.Context()))
				require.Equal(t, 4, handled)
				o.quiet(t)
			})
		})
	}
}
