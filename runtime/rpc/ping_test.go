package rpc_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

func pingOfOurs(id int) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, id) }

func TestPeriodicPingClosesADeadPeer(t *testing.T) {
	for misses := 1; misses <= 3; misses++ {
		synctest.Test(t, func(t *testing.T) {
			o := start(t, nil)
			o.KeepPinging(rpc.Pings{Every: time.Minute, Wait: 10 * time.Second, Misses: misses})
			for id := 1; id <= 2*misses; id += 2 { // every second one is missed, and every answer, an error too, starts the count anew
				time.Sleep(time.Minute)
				o.expect(pingOfOurs(id))
				if misses > 1 {
					time.Sleep(10*time.Second + time.Minute)
					o.next(t) // the cancellation
					o.expect(pingOfOurs(id + 1))
				}
				require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"what?"}}`, id+min(1, misses-1))))
				if misses == 1 {
					break
				}
			}
			for range misses {
				synctest.Wait()
				require.NoError(t, o.Err(), "one below")
				time.Sleep(time.Minute + 10*time.Second)
			}
			synctest.Wait()
			require.ErrorIs(t, o.Err(), rpc.ErrUnresponsive)
			require.True(t, o.Stats().Unresponsive)
			began := time.Now()
			require.NoError(t, o.Wait(context.Background()))
			require.Zero(t, time.Since(began))
		})
	}
}

func TestNoPingsByDefaultAndNoneOnceStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := start(t, nil)
		o.KeepPinging(rpc.Pings{})()
		stop := o.KeepPinging(rpc.Pings{Every: time.Second})
		stop()
		time.Sleep(time.Hour)
		o.quiet(t)
		require.NoError(t, o.Err())
	})
}

// deaf is a stream that is not heard for now.
type deaf struct {
	*wiretap
	listening atomic.Bool
}

func (d *deaf) Listening() bool { return d.listening.Load() }

func TestNoPingsWhileNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := start(t, nil)
		d := &deaf{wiretap: o.wiretap}
		o.Attach(rpc.Link{Stream: d})
		defer o.KeepPinging(rpc.Pings{Every: time.Second, Misses: 1})()
		time.Sleep(time.Hour + time.Millisecond)
		o.quiet(t)
		require.NoError(t, o.Err(), "what was not sent was not missed")
		d.listening.Store(true)
		time.Sleep(time.Second)
		o.expect(pingOfOurs(1))
		require.NoError(t, o.receive(pong(1)))
	})
}

func TestPingsNeedNoGoroutineBetweenThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		for range 100 {
			start(t, nil).KeepPinging(rpc.Pings{Every: time.Hour})
		}
		synctest.Wait()
		require.LessOrEqual(t, runtime.NumGoroutine(), before, "others may have ended meanwhile")
	})
}
