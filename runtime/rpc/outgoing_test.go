package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// calling runs a call in the background and gives its outcome.
func calling(ctx context.Context, c rpc.Caller, text string) <-chan error {
	done := make(chan error, 1)
	go func() {
		r, err := echo(ctx, c, &echoParams{Text: text})
		if err == nil && r.Text != text {
			err = fmt.Errorf("got %q", r.Text)
		}
		done <- err
	}()
	return done
}

func TestCallsAreMatchedByID(t *testing.T) {
	o := start(t, nil)
	a := calling(t.Context(), o, "a")
	o.expect(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"a"}}`)
	b := calling(t.Context(), o, "b")
	o.expect(`{"jsonrpc":"2.0","id":2,"method":"echo","params":{"text":"b"}}`)
	c := calling(t.Context(), o, "c")
	o.expect(`{"jsonrpc":"2.0","id":3,"method":"echo","params":{"text":"c"}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":3e0,"result":{"text":"c"}}`))
	require.NoError(t, <-c)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1.0,"result":{"text":"a"}}`))
	require.NoError(t, <-a)
	require.Error(t, o.receive(`{"jsonrpc":"2.0","id":"2","result":{"text":"wrong"}}`), "a string is another id")
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"error":{"code":-32002,"message":"no","data":{"uri":"u"}}}`))
	err := <-b
	var e *rpc.Error
	require.ErrorAs(t, err, &e)
	require.EqualValues(t, -32002, e.Code)
	require.Equal(t, "no", e.Message)
	require.Equal(t, `{"uri":"u"}`, e.Data.String())
	require.EqualError(t, err, "no (code -32002)")
	require.Error(t, o.receive(`{"jsonrpc":"2.0","id":2,"result":{"text":"b"}}`), "answered twice")
	require.EqualValues(t, 2, o.Stats().UnknownResponses)
	o.quiet(t)
}

func TestRawResultsAndNoResult(t *testing.T) {
	o := start(t, nil)
	done := make(chan error, 2)
	var raw wire.Raw
	go func() { done <- o.Call(t.Context(), "x", nil, &raw) }()
	o.expect(`{"jsonrpc":"2.0","id":1,"method":"x"}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{"b" : 1, "a":[]}}`))
	require.NoError(t, <-done)
	require.Equal(t, `{"b" : 1, "a":[]}`, raw.String())
	go func() { done <- o.Call(t.Context(), "x", wire.MustRaw(`{"p":1}`), nil) }()
	o.expect(`{"jsonrpc":"2.0","id":2,"method":"x","params":{"p":1}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"result":{}}`))
	require.NoError(t, <-done)
}

// A response that is refused fails that call, and only that, at once.
func TestRefusedResponseFailsItsCall(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no object": {`{"jsonrpc":"2.0","id":1,"result":[]}`,
			"echo: the response was refused: not a message: at /result (offset 33): expected an object, found an array (code -32603)"},
		"bad JSON": {`{"jsonrpc":"2.0","id":1,"result":{"text":tru}}`,
			"echo: the response was refused: not acceptable JSON: at /result/text (offset 41): expected true, found 't' (code -32603)"},
		"duplicate": {`{"jsonrpc":"2.0","id":1,"result":{"text":"a","text":"b"}}`,
			"echo: the response was refused: not acceptable JSON: at /result/text (offset 45): expected each member name once, found it a second time (code -32603)"},
		"bad error": {`{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}`,
			"echo: the response was refused: not a message: at /error/code (offset 40): expected an integer, found number 1.5 (code -32603)"},
		"wrong result": {`{"jsonrpc":"2.0","id":1,"result":{"text":5}}`,
			"unusable result of echo: at /result/text: expected a string, found number 5 (code -32603)"},
	} {
		t.Run(name, func(t *testing.T) {
			o := start(t, nil)
			a := calling(t.Context(), o, "a")
			o.next(t)
			b := calling(t.Context(), o, "b")
			o.next(t)
			_ = o.receive(c.text)
			err := <-a
			require.EqualError(t, err, c.want)
			var p *wire.PathError
			require.ErrorAs(t, err, &p)
			require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"result":{"text":"b"}}`))
			require.NoError(t, <-b)
			o.quiet(t)
		})
	}
}

func TestReceivedResultsAreValidatedOnlyWhenStrict(t *testing.T) {
	for _, strict := range []bool{false, true} {
		o := start(t, nil, func(c *rpc.Config) { c.Strict = strict })
		done := calling(t.Context(), o, "forbidden")
		o.next(t)
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{"text":"forbidden"}}`))
		if strict {
			require.EqualError(t, <-done, "unusable result of echo: at /result/text: expected another text (code -32603)")
		} else {
			require.NoError(t, <-done)
		}
	}
}

func TestParamsAreValidatedBeforeTheyAreSent(t *testing.T) {
	o := start(t, nil)
	for _, err := range []error{
		func() error { _, err := echo(t.Context(), o, &echoParams{Delay: -1}); return err }(),
		noted(t.Context(), o, &echoParams{Delay: -1}),
	} {
		require.ErrorContains(t, err, "was not sent, its params are not valid: at /params/delay: expected a number from 0")
		require.EqualValues(t, rpc.CodeInvalidParams, rpc.CodeOf(err))
	}
	o.quiet(t)
	require.NoError(t, noted(t.Context(), o, nil))
	o.expect(`{"jsonrpc":"2.0","method":"notifications/noted"}`)
}

func TestCallerCancels(t *testing.T) {
	why := errors.New("the user went away")
	for name, c := range map[string]struct {
		ctx    func() (context.Context, context.CancelFunc)
		is     error
		reason string
	}{
		"cancel": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, context.Canceled, "context canceled"},
		"cause": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(context.Background())
			time.AfterFunc(time.Second, func() { cancel(why) })
			return ctx, func() { cancel(nil) }
		}, why, "the user went away"},
		"deadline": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Second)
		}, context.DeadlineExceeded, "context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := start(t, nil)
				ctx, cancel := c.ctx()
				defer cancel()
				began := time.Now()
				_, err := echo(ctx, o, &echoParams{Text: "x"})
				require.Equal(t, time.Second, time.Since(began), "at once")
				require.ErrorIs(t, err, c.is)
				require.EqualValues(t, rpc.CodeCancelled, rpc.CodeOf(err))
				require.EqualError(t, err, "echo: "+c.reason+" (code -32011)")
				o.next(t)
				o.expect(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"` + c.reason + `"}}`)
				require.Error(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{"text":"late"}}`))
				require.EqualValues(t, 1, o.Stats().UnknownResponses)
				require.Zero(t, o.Stats().Pending)
			})
		})
	}
}

func TestCallUnderAnEndedContextSendsNothing(t *testing.T) {
	o := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := echo(ctx, o, &echoParams{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, noted(ctx, o, &echoParams{}), context.Canceled)
	o.quiet(t)
}

func TestOurInitializeIsNeverCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := start(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, o.Call(ctx, "initialize", nil, nil), context.DeadlineExceeded)
		o.next(t)
		synctest.Wait()
		o.quiet(t)
	})
}

func TestPendingLimit(t *testing.T) {
	o := start(t, nil, func(c *rpc.Config) { c.Limits.Pending = 2 })
	ctx, cancel := context.WithCancel(t.Context())
	calls := []<-chan error{calling(ctx, o, "1"), calling(ctx, o, "2")}
	o.next(t)
	o.next(t)
	_, err := echo(ctx, o, &echoParams{Text: "3"})
	require.EqualError(t, err, "echo was not sent: 2 calls wait for an answer already (code -32010)")
	cancel()
	for _, c := range calls {
		require.ErrorIs(t, <-c, context.Canceled)
	}
}

func TestProgressArrivesInOrderBeforeTheCallReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := start(t, nil)
		var got []string
		ctx := rpc.WithProgress(t.Context(), func(p rpc.Progress) {
			time.Sleep(time.Second) // slower than they come
			total := "?"
			if p.Total != nil {
				total = fmt.Sprint(*p.Total)
			}
			got = append(got, fmt.Sprintf("%v/%s %s", p.Progress, total, p.Message))
		})
		done := make(chan error, 1)
		go func() {
			done <- o.Call(ctx, "x", wire.MustRaw(`{"a":1,"_meta":{"k":"v","progressToken":"theirs"},"b":2}`), nil)
		}()
		o.expect(`{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1,"_meta":{"k":"v","progressToken":1},"b":2}}`)
		for i := range 5 {
			require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":%d.5,"total":9,"message":"m"}}`, i)))
		}
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1.0,"progress":8}}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{}}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":9}}`), "too late")
		require.NoError(t, <-done)
		require.Equal(t, []string{"0.5/9 m", "1.5/9 m", "2.5/9 m", "3.5/9 m", "4.5/9 m", "8/? "}, got)
	})
}

func TestProgressTokenIsAddedToParamsOfAnyKind(t *testing.T) {
	o := start(t, nil)
	ctx, cancel := context.WithCancel(rpc.WithProgress(t.Context(), func(rpc.Progress) {}))
	for want, params := range map[string]wire.Appender{
		`,"params":{"_meta":{"progressToken":N}}}`:            nil,
		`,"params":{"text":"t","_meta":{"progressToken":N}}}`: &echoParams{Text: "t"},
	} {
		done := make(chan error, 1)
		go func() { done <- o.Call(ctx, "x", params, nil) }()
		sent := o.next(t)
		m, err := rpc.Parse([]byte(sent), wire.Options{})
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(sent, strings.Replace(want, "N", m.ID.String(), 1)), sent)
		require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, m.ID)))
		require.NoError(t, <-done)
	}
	cancel()
}

func TestProgressCallbackMayCallThePeer(t *testing.T) {
	o := start(t, nil)
	inner := make(chan error, 1)
	ctx := rpc.WithProgress(t.Context(), func(rpc.Progress) { inner <- o.Call(t.Context(), "inner", nil, nil) })
	done := make(chan error, 1)
	go func() { done <- o.Call(ctx, "outer", nil, nil) }()
	o.next(t)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}`))
	o.expect(`{"jsonrpc":"2.0","id":2,"method":"inner"}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{}}`))
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"result":{}}`))
	require.NoError(t, <-inner)
	require.NoError(t, <-done)
}

// However slow the callback, what waits for it is bounded, and the last report arrives.
func TestProgressQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := start(t, nil, func(c *rpc.Config) { c.Limits.Progress = 3 })
		release := make(chan struct{})
		var got []float64
		ctx := rpc.WithProgress(t.Context(), func(p rpc.Progress) { <-release; got = append(got, p.Progress) })
		done := make(chan error, 1)
		go func() { done <- o.Call(ctx, "x", nil, nil) }()
		o.next(t)
		for i := range 10 {
			require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":%d}}`, i)))
			synctest.Wait()
		}
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{}}`))
		close(release)
		require.NoError(t, <-done)
		require.Equal(t, []float64{0, 1, 2, 9}, got)
	})
}

func TestProgressWithForeignTokenGoesToTheHandler(t *testing.T) {
	got := make(chan string, 1)
	o := start(t, nil, func(c *rpc.Config) {
		c.Dispatch = rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				got <- m.Method + " " + m.Raw().String()
				return next(ctx, m)
			}
		})
	})
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"task","progress":1}}`))
	require.Equal(t, `notifications/progress {"progressToken":"task","progress":1}`, <-got)
}

func TestNotificationHandlerMayCallThePeer(t *testing.T) {
	done := make(chan error, 1)
	o := start(t, &handler{noted: func(ctx context.Context, p *echoParams) error {
		var reports int
		_, err := echo(rpc.WithProgress(ctx, func(rpc.Progress) { reports++ }), rpc.SessionFrom(ctx), p)
		if err == nil && reports != 1 {
			err = fmt.Errorf("%d reports", reports)
		}
		done <- err
		return nil
	}})
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"x"}}`))
	o.expect(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x","_meta":{"progressToken":1}}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}`))
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{"text":"x"}}`))
	require.NoError(t, <-done)
}

func TestEncoderPanicFailsTheCall(t *testing.T) {
	o := start(t, nil)
	err := o.Call(t.Context(), "x", bomb{}, nil)
	require.EqualError(t, err, "x was not sent: its encoder panicked: panic: bomb (code -32603)")
	require.Zero(t, o.Stats().Pending)
}
