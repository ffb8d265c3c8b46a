package server

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// reported calls the tool "t" of a server, which runs f, and gives the progress that arrived.
func reported(t *testing.T, f func(ctx context.Context), opts ...Option) (reports []rpc.Progress) {
	t.Helper()
	s := New("v", "1", opts...)
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) { f(ctx); return "", nil })
	p := connect(t, s, clientSide{})
	_, err := p.tryCall(rpc.WithProgress(t.Context(), func(p rpc.Progress) { reports = append(reports, p) }), "t", "")
	require.NoError(t, err)
	require.NoError(t, p.conn.Close())
	return reports
}

func TestProgressArrivesBeforeTheResult(t *testing.T) {
	reports := reported(t, func(ctx context.Context) {
		Progress(ctx, 1, 3, "first")
		Progress(ctx, 2, 0, "")
	})
	require.Len(t, reports, 2)
	require.Equal(t, 1.0, reports[0].Progress)
	require.Equal(t, 3.0, *reports[0].Total)
	require.Equal(t, "first", reports[0].Message)
	require.Equal(t, 2.0, reports[1].Progress)
	require.Nil(t, reports[1].Total, "unknown")
}

func TestProgressGrows(t *testing.T) {
	reports := reported(t, func(ctx context.Context) {
		for _, done := range []float64{0, 1, 1, 0.5, math.NaN(), 2, math.Inf(1), 1.5} {
			Progress(ctx, done, 0, "")
		}
	})
	var all []float64
	for _, r := range reports {
		all = append(all, r.Progress)
	}
	require.Equal(t, []float64{0, 1, 2}, all)
}

func TestProgressIsThrottledButTheLastIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := reported(t, func(ctx context.Context) {
			for i := range 1000 {
				Progress(ctx, float64(i+1), 1000, "")
			}
		})
		require.Len(t, reports, 21)
		require.Equal(t, 20.0, reports[19].Progress)
		require.Equal(t, 1000.0, reports[20].Progress)

		reports = reported(t, func(ctx context.Context) {
			for i := range 1000 {
				Progress(ctx, float64(i+1), 1000, "")
				time.Sleep(10 * time.Millisecond)
			}
		})
		require.InDelta(t, 20+10*20, len(reports), 5, "20 a second for ten seconds")
		require.Equal(t, 1000.0, reports[len(reports)-1].Progress)
	})
}

func TestAReportThatWaitsIsSentWithoutAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1", LimitProgress(ProgressLimit{Burst: 1, PerSecond: 1}))
		end := make(chan struct{})
		AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) {
			Progress(ctx, 1, 0, "")
			Progress(ctx, 2, 0, "")
			Progress(ctx, 3, 0, "")
			<-end
			return "", nil
		})
		p := connect(t, s, clientSide{})
		var mu sync.Mutex
		var reports []float64
		done := make(chan error)
		go func() {
			_, err := p.tryCall(rpc.WithProgress(t.Context(), func(p rpc.Progress) {
				mu.Lock()
				defer mu.Unlock()
				reports = append(reports, p.Progress)
			}), "t", "")
			done <- err
		}()
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		mu.Lock()
		require.Equal(t, []float64{1, 3}, reports)
		mu.Unlock()
		close(end)
		require.NoError(t, <-done)
		require.NoError(t, p.conn.Close())
	})
}

func TestProgressWithoutLimitOrToken(t *testing.T) {
	report := func(ctx context.Context) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { Progress(ctx, float64(i), 0, "") })
		}
		wg.Wait()
		for i := range 100 {
			Progress(ctx, float64(100+i), 0, "")
		}
	}
	require.GreaterOrEqual(t, len(reported(t, report, LimitProgress(ProgressLimit{Off: true}))), 101)

	Progress(t.Context(), 1, 2, "outside of a call nothing happens")
	s := New("v", "1")
	var kept context.Context
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) { report(ctx); kept = ctx; return "", nil })
	p := connect(t, s, clientSide{})
	require.False(t, p.call(t, "t", "").IsError)
	Progress(kept, 1000, 0, "too late")
}

func TestAPanicEndsTheProgress(t *testing.T) {
	s := New("v", "1", LimitProgress(ProgressLimit{Burst: 1, PerSecond: 0.001}), Logger(slog.New(slog.DiscardHandler)))
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) {
		Progress(ctx, 1, 0, "")
		Progress(ctx, 2, 0, "")
		panic("no")
	})
	p := connect(t, s, clientSide{})
	var reports []float64
	_, err := p.tryCall(rpc.WithProgress(t.Context(), func(p rpc.Progress) { reports = append(reports, p.Progress) }), "t", "")
	require.Equal(t, rpc.CodeInternalError, rpc.CodeOf(err))
	require.Equal(t, []float64{1, 2}, reports)
}
