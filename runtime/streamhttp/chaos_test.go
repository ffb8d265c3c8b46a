package streamhttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// counting makes "x/count" send that many notes, now and then with a pause.
func counting(w *world, n int) {
	w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		for i := range n {
			if err := m.Session().Notify(ctx, "note", wire.MustRaw(fmt.Sprintf(`{"i":%d}`, i))); err != nil {
				return nil, err
			}
			if rand.N(10) == 0 {
				time.Sleep(time.Duration(rand.N(50)) * time.Millisecond)
			}
		}
		return nil, nil
	}
}

// However often a client goes away in the middle of a stream, it gets everything once and in order.
func TestNothingIsLostOrRepeatedWhenTheClientComesBack(t *testing.T) {
	for range 20 {
		inBubble(t, func(t *testing.T, w *world) {
			const n = 200
			counting(w, n)
			s := w.open(newest)
			e := w.stream(request{session: s, body: call(1, "x/count", `{}`)})
			require.Equal(t, priming("1-1"), e.next())
			last, got := "1-1", 0
			for {
				if rand.N(8) == 0 {
					e.close()
					time.Sleep(time.Duration(rand.N(50)) * time.Millisecond)
					e = w.resume(s, last)
				}
				text := e.next()
				id, data, ok := strings.Cut(text, "\ndata: ")
				require.True(t, ok, "%q", text)
				last = strings.TrimPrefix(id, "id: ")
				if data == result(1, `{}`) {
					require.Equal(t, n, got)
					break
				}
				require.Equal(t, note("note", fmt.Sprintf(`{"i":%d}`, got)), data)
				got++
			}
			require.Empty(t, e.next())
		}, streamhttp.WithLimits(streamhttp.Limits{WaitingBytes: -1}))
	}
}

// And so does our client on a network that keeps cutting connections.
func TestClientOnANetworkThatBreaks(t *testing.T) {
	for range 10 {
		inBubble(t, func(t *testing.T, w *world) {
			const n = 300
			counting(w, n)
			var mu sync.Mutex
			var notes []string
			s := rpc.NewSession(rpc.Config{Logger: slog.New(slog.DiscardHandler), Dispatch: rpc.NewDispatch(nil, nil, func(rpc.Handler) rpc.Handler {
				return func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
					mu.Lock()
					defer mu.Unlock()
					notes = append(notes, m.Raw().String())
					return nil, nil
				}
			})})
			inner := w.client.Transport
			w.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := inner.RoundTrip(r)
				if err == nil && resp.Header.Get("Content-Type") == "text/event-stream" {
					resp.Body = &breaking{resp.Body, 50 + rand.N(2000)}
				}
				return resp, err
			})
			defer func() { w.client.Transport = inner }()
			conn, err := streamhttp.Connect("http://server.example/", streamhttp.WithClient(w.client)).Connect(t.Context(), s)
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			require.NoError(t, s.Call(t.Context(), "initialize", wire.MustRaw(`{"protocolVersion":"`+newest+`"}`), nil))
			s.SetPeer(newest, nil)
			require.NoError(t, s.Notify(t.Context(), "notifications/initialized", nil))
			require.NoError(t, s.Call(t.Context(), "x/count", nil, nil))
			require.NoError(t, s.Wait(t.Context()))
			mu.Lock()
			defer mu.Unlock()
			require.Len(t, notes, n)
			for i, text := range notes {
				require.Equal(t, `{"i":`+strconv.Itoa(i)+`}`, text)
			}
		}, streamhttp.WithLimits(streamhttp.Limits{WaitingBytes: -1}))
	}
}

// breaking is a body that breaks off.
type breaking struct {
	io.ReadCloser
	left int
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left <= 0 {
		_ = b.Close()
		return 0, errors.New("the network broke")
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
