package websocket_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// refused requires that a request is refused with a status and a time to come back.
func refused(t *testing.T, address string, status int, text string) {
	t.Helper()
	_, resp, err := tryRaw(t, address)
	require.Error(t, err)
	require.Equal(t, status, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `"code":-32010`)
	require.Contains(t, string(body), text)
}

func TestLimitOfConnections(t *testing.T) {
	s, address := start(t, websocket.WithLimits(websocket.Limits{Connections: 2}))
	first := dialRaw(t, address).opens()
	dialRaw(t, address).opens()
	refused(t, address, http.StatusServiceUnavailable, "too many connections")
	stats := s.Stats()
	require.EqualValues(t, 1, stats.Full)
	require.EqualValues(t, 2, stats.Accepted)
	require.Equal(t, 2, stats.Connections)
	require.NoError(t, first.tcp.Close())
	require.Eventually(t, func() bool { return s.Stats().Connections == 1 }, soon, time.Millisecond)
	dialRaw(t, address).opens()
}

func TestLimitOfConnectionsFromOneAddress(t *testing.T) {
	s := websocket.Handler(acceptor(), websocket.WithLimits(websocket.Limits{ConnectionsPerAddress: 2}))
	var remote atomic.Value
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = remote.Load().(string)
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	remote.Store("[2001:db8::1]:1")
	first := dialRaw(t, address).opens()
	remote.Store("[2001:db8::2]:1") // the first 64 bits of an IPv6 address are one address
	dialRaw(t, address).opens()
	refused(t, address, http.StatusServiceUnavailable, "from your address")
	remote.Store("[2001:db8:0:1::1]:1")
	dialRaw(t, address).opens()
	require.NoError(t, first.tcp.Close())
	require.Eventually(t, func() bool { return s.Stats().Connections == 2 }, soon, time.Millisecond)
	remote.Store("[2001:db8::3]:1")
	dialRaw(t, address).opens()
}

func TestRateOfConnections(t *testing.T) {
	for _, limits := range []websocket.Limits{
		{Opens: ratelimit.Rate{PerSecond: 0.001, Burst: 2}}, {OpensPerAddress: ratelimit.Rate{PerSecond: 0.001, Burst: 2}},
	} {
		s, address := start(t, websocket.WithLimits(limits))
		dialRaw(t, address).opens()
		dialRaw(t, address).opens()
		refused(t, address, http.StatusTooManyRequests, "connections are opened")
		require.EqualValues(t, 1, s.Stats().RateLimited)
	}
}

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// inTime runs f with a server on one end of a connection in memory, where time passes at once when all wait.
func inTime(t *testing.T, limits websocket.Limits, f func(t *testing.T, s *websocket.Server, r *raw)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := websocket.Handler(acceptor(), websocket.WithLimits(limits))
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: s}
		go func() { _ = server.Serve(l) }()
		var conn net.Conn
		r := dialRaw(t, "ws://memory/", func(o *ws.DialOptions) {
			o.HTTPClient.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				l.conns <- theirs
				conn = ours
				return ours, nil
			}
		})
		r.tcp = conn
		defer func() { // also when f gave up
			_ = server.Close()
			_ = r.tcp.Close()
			s.Close()
		}()
		f(t, s, r)
		go func() { // the farewell of the server needs a reader
			for {
				if _, _, err := r.Read(context.Background()); err != nil {
					return
				}
			}
		}()
		s.Close()
		_ = server.Close()
		_ = r.CloseNow()
	})
}

// around are times around a limit: one less, just that, one more. Only below it a session lives.
var around = []time.Duration{1, 0, -1}

func TestOpenTime(t *testing.T) {
	for limit, most := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Minute: time.Minute} {
		for _, before := range around {
			inTime(t, websocket.Limits{OpenTime: limit, Wire: websocket.Wire{PingTime: -1}}, func(t *testing.T, s *websocket.Server, r *raw) {
				r.say(ping) // is answered, and opens nothing
				require.Equal(t, pong, r.text())
				time.Sleep(most - before)
				if before <= 0 {
					r.over(ws.StatusPolicyViolation)
					synctest.Wait()
					require.EqualValues(t, 1, s.Stats().NotOpened)
					return
				}
				r.opens()
				time.Sleep(most)
				r.say(ping)
				require.Equal(t, pong, r.text())
			})
		}
	}
}

func TestIdleTime(t *testing.T) {
	for limit, most := range map[time.Duration]time.Duration{0: 5 * time.Minute, time.Minute: time.Minute} {
		for _, before := range around {
			inTime(t, websocket.Limits{IdleTime: limit, Wire: websocket.Wire{PingTime: -1}}, func(t *testing.T, s *websocket.Server, r *raw) {
				r.opens()
				for range 3 {
					time.Sleep(most - 1)
					r.say(ping)
					require.Equal(t, pong, r.text())
				}
				r.say(`{"jsonrpc":"2.0","id":"w","method":"wait"}`)
				time.Sleep(10 * most) // something is in flight
				r.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"w"}}`)
				r.say(ping)
				require.Equal(t, pong, r.text())
				time.Sleep(most - before)
				if before <= 0 {
					r.over(ws.StatusGoingAway)
					synctest.Wait()
					require.EqualValues(t, 1, s.Stats().Idle)
					return
				}
				r.say(ping)
				require.Equal(t, pong, r.text())
			})
		}
	}
}

// A message that was begun must be finished in time, however its frames trickle in.
func TestReadTime(t *testing.T) {
	for limit, most := range map[time.Duration]time.Duration{0: time.Minute, 10 * time.Second: 10 * time.Second} {
		for _, before := range around {
			inTime(t, websocket.Limits{Wire: websocket.Wire{ReadTime: limit, PingTime: -1}}, func(t *testing.T, s *websocket.Server, r *raw) {
				r.opens()
				send := func(text string) {
					_, err := r.tcp.Write([]byte(text))
					require.NoError(t, err)
				}
				for range 2 { // each has the time to itself
					send(frame(0x01, ping[:5]))
					time.Sleep(most / 2)
					send(frame(0x00, ping[5:6]))
					time.Sleep(most/2 - 1)
					send(frame(0x80, ping[6:]))
					require.Equal(t, pong, r.text())
				}
				send(frame(0x81, ping)[:20])
				time.Sleep(most - before)
				if before <= 0 {
					r.over(ws.StatusPolicyViolation)
					synctest.Wait()
					require.EqualValues(t, 1, s.Stats().Slow)
					return
				}
				send(frame(0x81, ping)[20:])
				require.Equal(t, pong, r.text())
			})
		}
	}
}

// frame makes a frame of up to 125 bytes, masked by nothing.
func frame(head byte, text string) string {
	return string([]byte{head, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}

// A peer that takes nothing off loses its connection.
func TestWriteTime(t *testing.T) {
	for _, before := range around {
		inTime(t, websocket.Limits{Wire: websocket.Wire{WriteTime: time.Minute, PingTime: -1}}, func(t *testing.T, s *websocket.Server, r *raw) {
			r.opens()
			r.say(ping)
			time.Sleep(time.Minute - before)
			synctest.Wait()
			if before <= 0 {
				r.over(-1)
				synctest.Wait()
				require.EqualValues(t, 1, s.Stats().Slow)
				return
			}
			require.Equal(t, pong, r.text())
		})
	}
}

// A queue that stays full ends the slow peer: after the time to write, or at once where that is asked for.
func TestQueueOfASlowPeer(t *testing.T) {
	for policy, most := range map[rpc.QueuePolicy]time.Duration{rpc.QueueWait: time.Minute, rpc.QueueDropPeer: 0} {
		for name, limits := range map[string]websocket.Wire{
			"messages": {QueueMessages: 4, WhenFull: policy, WriteTime: time.Minute, PingTime: -1},
			"bytes":    {QueueBytes: 400, WhenFull: policy, WriteTime: time.Minute, PingTime: -1},
		} {
			inTime(t, websocket.Limits{Wire: limits}, func(t *testing.T, s *websocket.Server, r *raw) {
				r.opens()
				began := time.Now()
				r.say(`{"jsonrpc":"2.0","id":1,"method":"flood","params":{"x":"` + strings.Repeat("x", 50) + `"}}`)
				for s.Stats().Slow == 0 && time.Since(began) < time.Hour {
					time.Sleep(time.Second)
				}
				require.EqualValues(t, 1, s.Stats().Slow, name)
				require.GreaterOrEqual(t, time.Since(began), most)
				require.LessOrEqual(t, time.Since(began), most+5*time.Second)
			})
		}
	}
}

// A peer that answers pings may be silent for as long as it is not idle; one that does not is dead.
func TestPings(t *testing.T) {
	for limit, most := range map[websocket.Wire][2]time.Duration{
		{}:                                     {30 * time.Second, 10 * time.Second},
		{PingTime: time.Minute, PongTime: 1e9}: {time.Minute, time.Second},
	} {
		inTime(t, websocket.Limits{Wire: limit, IdleTime: -1}, func(t *testing.T, s *websocket.Server, r *raw) {
			r.opens()
			reading, stop := context.WithCancel(t.Context())
			defer stop()
			read := make(chan struct{})
			go func() { // reading is what answers pings
				defer close(read)
				_, _, _ = r.Read(reading)
			}()
			time.Sleep(time.Hour)
			require.Equal(t, 1, s.Stats().Connections)
			require.Zero(t, s.Stats().Dead)
			r.say(ping)
			<-read

			// It reads what arrives, as its system does, and never answers.
			go func() { _, _ = io.Copy(io.Discard, r.tcp) }()
			time.Sleep(most[0] + most[1] - 2)
			synctest.Wait()
			require.Zero(t, s.Stats().Dead)
			time.Sleep(2 * time.Second)
			require.EqualValues(t, 1, s.Stats().Dead)
			require.Zero(t, s.Stats().Connections)
		})
	}
}

// The client asks the server too.
func TestTheClientFindsADeadServer(t *testing.T) {
	over := make(chan struct{})
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"mcp"}}); err == nil {
			<-over // it does not read
			_ = c.CloseNow()
		}
	}))
	t.Cleanup(func() { close(over) })
	s, conn := dial(t, websocket.Connect(address, websocket.WithClientLimits(websocket.ClientLimits{
		Wire: websocket.Wire{PingTime: 10 * time.Millisecond, PongTime: 10 * time.Millisecond},
	})))
	<-s.Done()
	require.ErrorIs(t, s.Err(), rpc.ErrSessionEnded)
	require.ErrorContains(t, s.Err(), "does not answer pings")
	require.ErrorContains(t, conn.Close(), "does not answer pings")
}

func TestSizeOfAMessage(t *testing.T) {
	const most = 16_777_216
	s, address := start(t)
	const form = `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"x":""}}`
	sized := func(n int) string {
		return strings.Replace(form, `""`, `"`+strings.Repeat("x", n-len(form))+`"`, 1)
	}
	r := dialRaw(t, address).opens()
	for _, n := range []int{most - 1, most} {
		r.say(sized(n))
		require.Len(t, r.text(), n-len(`"method":"echo","params"`)+len(`"result"`))
	}
	r.say(sized(most + 1))
	r.over(ws.StatusMessageTooBig)
	require.Eventually(t, func() bool { return s.Stats().TooLarge == 1 }, soon, time.Millisecond)

	// In many frames it is as large.
	r = dialRaw(t, address).opens()
	w, err := r.Writer(t.Context(), ws.MessageText)
	require.NoError(t, err)
	chunk := make([]byte, 1<<20)
	for range 17 {
		_, err = w.Write(chunk)
		require.NoError(t, err)
	}
	r.over(ws.StatusMessageTooBig)

	session, _ := dial(t, websocket.Connect(address))
	var raw wire.Raw
	params := func(n int) wire.Raw { return wire.MustRaw(`{"x":"` + strings.Repeat("x", n-len(form)) + `"}`) }
	require.NoError(t, session.Call(t.Context(), "initialize", nil, nil))
	require.NoError(t, session.Call(t.Context(), "echo", params(most), &raw))
	require.ErrorIs(t, session.Call(t.Context(), "echo", params(most+1), &raw), rpc.ErrTooLarge)
	require.NoError(t, session.Call(t.Context(), "ping", nil, nil), "it was not sent")
}

// A compressed message that is larger than it looks is too large.
func TestCompressedBomb(t *testing.T) {
	s, address := start(t, websocket.WithCompression())
	r := dialRaw(t, address, func(o *ws.DialOptions) { o.CompressionMode = ws.CompressionContextTakeover }).opens()
	require.NoError(t, r.Write(t.Context(), ws.MessageText, []byte(strings.Repeat(" ", 64<<20))))
	r.over(ws.StatusMessageTooBig)
	require.Eventually(t, func() bool { return s.Stats().TooLarge == 1 }, soon, time.Millisecond)
}

// peak gives the most memory that the heap has held while f ran, beyond what it held before, with little garbage.
func peak(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var most uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			case <-stop:
				return
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return max(most, before.HeapAlloc) - before.HeapAlloc
}

// Fifty peers send messages of a gigabyte in all, each one byte too large, all at once: what is held is bounded.
func TestMemoryIsFlatWhenManyMessagesAreTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves gigabytes, which takes minutes under the race detector: the full run has it")
	}
	const peers, most, room = 50, 16 << 20, 2
	s, address := start(t, websocket.WithLimits(websocket.Limits{ReadBytes: room * most}))
	text := []byte(strings.Repeat("x", most+1))
	bystander := dialRaw(t, address).opens()
	var all []*raw
	for range peers {
		all = append(all, dialRaw(t, address).opens())
	}
	held := peak(func() {
		var group sync.WaitGroup
		for _, r := range all {
			group.Go(func() {
				_ = r.Write(context.Background(), ws.MessageText, text) // not all of it is taken
				_, _, _ = r.Read(context.Background())
				_ = r.tcp.Close()
			})
		}
		bystander.say(ping)
		require.Equal(t, pong, bystander.text())
		group.Wait()
	})
	require.Less(t, held, uint64((room*most*3/2+peers*256<<10)*2), "of %d if all were held", peers*most)
	require.Eventually(t, func() bool { return s.Stats().TooLarge == peers && s.Stats().ReadBytes == 0 }, soon, time.Millisecond)
}

func TestMemoryIsFlatWhenMessagesStopHalfway(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves gigabytes, which takes minutes under the race detector: the full run has it")
	}
	const peers, most, room = 50, 16 << 20, 2
	s, address := start(t, websocket.WithLimits(websocket.Limits{
		ReadBytes: room * most, Wire: websocket.Wire{ReadTime: 100 * time.Millisecond, EndTime: 100 * time.Millisecond},
	}))
	begun := append([]byte{0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, strings.Repeat("x", most-1)...)
	var all []*raw
	for range peers {
		all = append(all, dialRaw(t, address).opens())
	}
	held := peak(func() {
		var group sync.WaitGroup
		for _, r := range all {
			group.Go(func() {
				_, _ = r.tcp.Write(begun) // not all of it is taken
				_, _, _ = r.Read(context.Background())
				_ = r.tcp.Close()
			})
		}
		require.Eventually(t, func() bool { return s.Stats().Connections == 0 }, soon, time.Millisecond)
		for _, r := range all {
			_ = r.tcp.Close()
		}
		group.Wait()
	})
	require.Less(t, held, uint64((room*most*3/2+peers*256<<10)*2), "of %d if all were held", peers*most)
	require.EqualValues(t, peers, s.Stats().Slow)
	require.Zero(t, s.Stats().ReadBytes)
}
