package tcp_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const refusal = `{"jsonrpc":"2.0","error":{"code":-32010,"message":"too many connections, this one is refused","data":{"retryAfter":5}}}`

func TestLimitOfConnections(t *testing.T) {
	server, l := start(t, "127.0.0.1:0", tcp.WithLimits(tcp.Limits{Connections: 2}))
	first := dialRaw(t, l.Addr()).opens()
	second := dialRaw(t, l.Addr()).opens()
	third := dialRaw(t, l.Addr())
	require.Equal(t, refusal, third.line())
	third.over()
	stats := server.Stats()
	require.EqualValues(t, 1, stats.Full)
	require.EqualValues(t, 2, stats.Accepted)
	require.Equal(t, 2, stats.Connections)

	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return server.Stats().Connections == 1 }, soon, time.Millisecond)
	dialRaw(t, l.Addr()).opens()
	second.say(ping)
	require.Equal(t, pong, second.line())

	s, _ := dial(t, tcp.Connect(l.Addr().String()))
	require.ErrorIs(t, s.Call(t.Context(), "initialize", nil, nil), rpc.ErrSessionEnded)
}

func TestLimitOfConnectionsFromOneAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 on its loopback interface")
	}
	server, l := start(t, "127.0.0.1:0", tcp.WithLimits(tcp.Limits{ConnectionsPerAddress: 2}))
	from := func(host string) *raw {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
		c, err := d.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		return newRaw(t, c)
	}
	first := from("127.0.0.1").opens()
	from("127.0.0.1").opens()
	require.Contains(t, from("127.0.0.1").line(), "too many connections from your address")
	require.EqualValues(t, 1, server.Stats().Full)
	from("127.0.0.2").opens()
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return server.Stats().Connections == 2 }, soon, time.Millisecond)
	from("127.0.0.1").opens()
}

// at is a connection with an address.
type at struct {
	net.Conn
	addr *net.TCPAddr
}

func (a at) RemoteAddr() net.Addr { return a.addr }

// The first 64 bits of an IPv6 address are one address: whoever has one of them has them all.
func TestWhatOneAddressIs(t *testing.T) {
	for other, same := range map[string]bool{"2001:db8::ffff": true, "2001:db8:0:1::1": false, "::ffff:192.0.2.1": false} {
		s := tcp.NewServer(acceptor(), tcp.WithLimits(tcp.Limits{ConnectionsPerAddress: 1}))
		connect := func(host string) *raw {
			ours, theirs := net.Pipe()
			go func() { _ = s.ServeConn(context.Background(), at{theirs, &net.TCPAddr{IP: net.ParseIP(host)}}) }()
			return newRaw(t, ours)
		}
		connect("2001:db8::1").opens()
		second := connect(other)
		if same {
			require.Contains(t, second.line(), "from your address")
		} else {
			second.opens()
		}
		s.Close()
	}
}

// inTime runs f with a server on one end of a connection in memory, where time passes at once when all wait.
func inTime(t *testing.T, limits tcp.Limits, f func(t *testing.T, s *tcp.Server, r *raw)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := tcp.NewServer(acceptor(), tcp.WithLimits(limits))
		ours, theirs := net.Pipe()
		go func() { _ = s.ServeConn(t.Context(), theirs) }()
		f(t, s, newRaw(t, ours))
		s.Close()
	})
}

func TestOpenTime(t *testing.T) {
	for limit, most := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Minute: time.Minute} {
		for _, before := range []time.Duration{1, 0, -1} {
			inTime(t, tcp.Limits{OpenTime: limit}, func(t *testing.T, s *tcp.Server, r *raw) {
				r.say(ping) // is answered, and opens nothing
				require.Equal(t, pong, r.line())
				time.Sleep(most - before)
				synctest.Wait()
				if before <= 0 {
					r.over()
					require.EqualValues(t, 1, s.Stats().NotOpened)
					return
				}
				r.opens()
				time.Sleep(most)
				r.say(ping)
				require.Equal(t, pong, r.line())
				require.Zero(t, s.Stats().NotOpened)
			})
		}
	}
	inTime(t, tcp.Limits{OpenTime: -1, IdleTime: -1}, func(t *testing.T, _ *tcp.Server, r *raw) {
		time.Sleep(24 * time.Hour)
		r.opens()
	})
}

func TestIdleTime(t *testing.T) {
	for limit, most := range map[time.Duration]time.Duration{0: 30 * time.Minute, time.Minute: time.Minute} {
		for _, before := range []time.Duration{1, 0, -1} {
			inTime(t, tcp.Limits{IdleTime: limit}, func(t *testing.T, s *tcp.Server, r *raw) {
				r.opens()
				for range 3 {
					time.Sleep(most - 1)
					r.say(ping)
					require.Equal(t, pong, r.line())
				}
				r.say(`{"jsonrpc":"2.0","id":"w","method":"wait"}` + "\n")
				time.Sleep(10 * most) // something is in flight
				r.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"w"}}` + "\n")
				r.say(ping)
				require.Equal(t, pong, r.line())
				time.Sleep(most - before)
				synctest.Wait()
				if before <= 0 {
					r.over()
					require.EqualValues(t, 1, s.Stats().Idle)
					return
				}
				r.say(ping)
				require.Equal(t, pong, r.line())
				require.Zero(t, s.Stats().Idle)
			})
		}
	}
}

// A message that was begun must be finished in time, however its bytes trickle in: the time is that of the message.
func TestReadTime(t *testing.T) {
	for limit, most := range map[time.Duration]time.Duration{0: time.Minute, 10 * time.Second: 10 * time.Second} {
		for _, before := range []time.Duration{1, 0, -1} {
			inTime(t, tcp.Limits{Lines: rpc.LineLimits{ReadTime: limit}}, func(t *testing.T, s *tcp.Server, r *raw) {
				r.opens()
				for range 3 { // each has the time to itself
					r.say(ping[:5])
					time.Sleep(most / 2)
					r.say(ping[5:6])
					time.Sleep(most/2 - 1)
					r.say(ping[6:])
					require.Equal(t, pong, r.line())
				}
				r.say(ping + ping[:5])
				require.Equal(t, pong, r.line())
				time.Sleep(most / 2)
				r.say(ping[5:6])
				time.Sleep(most/2 - before)
				synctest.Wait()
				if before <= 0 {
					r.over()
					require.EqualValues(t, 1, s.Stats().Slow)
					return
				}
				r.say(ping[6:])
				require.Equal(t, pong, r.line())
				time.Sleep(10 * most) // between messages there is no such limit
				r.say(ping)
				require.Equal(t, pong, r.line())
				require.Zero(t, s.Stats().Slow)
			})
		}
	}
}

// Blank lines and spaces do not open a session, nor do they make a message last for ever.
func TestDripOfSpaces(t *testing.T) {
	inTime(t, tcp.Limits{OpenTime: -1}, func(t *testing.T, s *tcp.Server, r *raw) {
		for range 59 {
			r.say(" ")
			time.Sleep(time.Second)
		}
		r.say(" ")
		time.Sleep(time.Second)
		synctest.Wait()
		r.over()
		require.EqualValues(t, 1, s.Stats().Slow)
	})
}

// A peer that takes nothing off loses its connection.
func TestWriteTime(t *testing.T) {
	for _, before := range []time.Duration{1, 0, -1} {
		inTime(t, tcp.Limits{Lines: rpc.LineLimits{WriteTime: time.Minute}}, func(t *testing.T, s *tcp.Server, r *raw) {
			r.opens()
			r.say(ping)
			time.Sleep(time.Minute - before)
			synctest.Wait()
			if before <= 0 {
				r.over()
				require.EqualValues(t, 1, s.Stats().Slow)
				return
			}
			require.Equal(t, pong, r.line())
			require.Zero(t, s.Stats().Slow)
		})
	}
}

// The size of a message counts without the end of its line.
func TestSizeOfAMessage(t *testing.T) {
	const most = 16_777_216
	_, l := start(t, "127.0.0.1:0")
	r := dialRaw(t, l.Addr()).opens()
	const form = `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"x":""}}`
	for _, n := range []int{most - 1, most} {
		text := strings.Replace(form, `""`, `"`+strings.Repeat("x", n-len(form))+`"`, 1)
		r.say(text + "\n")
		require.Len(t, r.line(), n-len(`"method":"echo","params"`)+len(`"result"`))
	}
	r.say(strings.Replace(form, `""`, `"`+strings.Repeat("x", most+1-len(form))+`"`, 1) + "\n")
	require.Equal(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"the message is larger than 16777216 bytes: message too large"}}`, r.line())
	r.say(ping)
	require.Equal(t, pong, r.line(), "the connection goes on")

	s, _ := dial(t, tcp.Connect(l.Addr().String()))
	var raw wire.Raw
	require.NoError(t, s.Call(t.Context(), "initialize", nil, nil))
	params := func(n int) wire.Raw {
		form := `{"jsonrpc":"2.0","id":` + strconv.Itoa(2) + `,"method":"echo","params":{"x":""}}`
		return wire.MustRaw(`{"x":"` + strings.Repeat("x", n-len(form)) + `"}`)
	}
	require.NoError(t, s.Call(t.Context(), "echo", params(most), &raw))
	require.ErrorIs(t, s.Call(t.Context(), "echo", params(most+1), &raw), rpc.ErrTooLarge)
}

// peak gives the most memory that the heap has held while f ran, beyond what it held before, with little garbage.
func peak(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				runtime.ReadMemStats(&now)
				most.Store(max(most.Load(), now.HeapAlloc))
			case <-stop:
				return
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return max(most.Load(), before.HeapAlloc) - before.HeapAlloc
}

// Fifty peers send messages of a gigabyte in all, and fifty the start of one each, all at once: what is held is bounded by
// the places for large messages, and nobody else is kept waiting.
func TestMemoryIsFlatWhenManyMessagesAreTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves gigabytes, which takes minutes under the race detector: the full run has it")
	}
	const peers, most, places = 50, 16 << 20, 2
	server, l := start(t, "127.0.0.1:0", tcp.WithLimits(tcp.Limits{ReadBytes: places * most}))
	chunk := []byte(strings.Repeat("x", 64<<10))
	bystander := dialRaw(t, l.Addr()).opens()
	var all []*raw
	for range peers {
		all = append(all, dialRaw(t, l.Addr()).opens())
	}
	held := peak(func() {
		var group sync.WaitGroup
		for _, r := range all {
			group.Go(func() {
				if _, err := r.Write([]byte(`{"jsonrpc":"2.0","id":7,"method":"echo","params":"`)); err != nil {
					t.Error(err)
				}
				for range most/len(chunk) + 1 {
					if _, err := r.Write(chunk); err != nil {
						t.Error(err)
						return
					}
				}
				if _, err := r.Write([]byte("\"}\n" + ping)); err != nil {
					t.Error(err)
				}
				for _, want := range []string{"larger than", `"result":{}`} {
					if line, err := r.lines.ReadString('\n'); err != nil || !strings.Contains(line, want) {
						t.Error(line, err)
					}
				}
			})
		}
		bystander.say(ping)
		require.Equal(t, pong, bystander.line())
		group.Wait()
	})
	// A message that grows holds its buffer and the one before; some is garbage.
	require.Less(t, held, uint64((places*most*3/2+peers*512<<10)*2), "of %d if all were held", peers*most)
	require.Equal(t, peers+1, server.Stats().Connections)
}

func TestMemoryIsFlatWhenMessagesStopHalfway(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves gigabytes, which takes minutes under the race detector: the full run has it")
	}
	const peers, most, places = 50, 16 << 20, 2
	server, l := start(t, "127.0.0.1:0", tcp.WithLimits(tcp.Limits{ReadBytes: places * most, Lines: rpc.LineLimits{ReadTime: 100 * time.Millisecond}}))
	var all []*raw
	for range peers {
		all = append(all, dialRaw(t, l.Addr()).opens())
	}
	start := []byte(strings.Repeat("x", most-1))
	held := peak(func() {
		var group sync.WaitGroup
		for _, r := range all {
			group.Go(func() {
				_, _ = r.Write(start) // not all of it is taken
				_, _ = r.lines.ReadByte()
			})
		}
		require.Eventually(t, func() bool { return server.Stats().Connections == 0 }, soon, time.Millisecond)
		for _, r := range all {
			_ = r.Close()
		}
		group.Wait()
	})
	require.Less(t, held, uint64((places*most*3/2+peers*512<<10)*2), "of %d if all were held", peers*most)
	require.EqualValues(t, peers, server.Stats().Slow)
}

// exhausted is a listener of a process that has no file descriptors left, for a time.
type exhausted struct {
	net.Listener
	fails  atomic.Int32
	asked  atomic.Int32
	closed chan struct{}
	once   sync.Once
}

func (e *exhausted) Accept() (net.Conn, error) {
	e.asked.Add(1)
	if e.fails.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	<-e.closed
	return nil, net.ErrClosed
}

func (e *exhausted) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

func TestAcceptErrorsAreWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &exhausted{closed: make(chan struct{})}
		l.fails.Store(20)
		s := tcp.NewServer(acceptor())
		served := make(chan error, 1)
		go func() { served <- s.Serve(t.Context(), l) }()
		began := time.Now()
		for l.asked.Load() < 21 {
			time.Sleep(time.Millisecond)
		}
		// 5 ms, 10 ms, ... 640 ms, and then a second each.
		require.InDelta(t, (5*255*time.Millisecond + 12*time.Second).Seconds(), time.Since(began).Seconds(), 0.1)
		require.EqualValues(t, 20, s.Stats().AcceptErrors)
		s.Close()
		require.NoError(t, <-served)

		// A listener that somebody else closed is the end.
		l = &exhausted{closed: make(chan struct{})}
		require.NoError(t, l.Close())
		require.ErrorIs(t, tcp.NewServer(acceptor()).Serve(t.Context(), l), net.ErrClosed)
		// The wait ends with the context.
		l = &exhausted{closed: make(chan struct{})}
		l.fails.Store(1 << 30)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errors.New("over"))
		defer cancel()
		require.ErrorIs(t, tcp.NewServer(acceptor()).Serve(ctx, l), context.DeadlineExceeded)
		require.Less(t, l.asked.Load(), int32(3700))
	})
}
