package streamhttp_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"pgregory.net/rapid"
)

func rawString(s string) wire.Raw {
	raw, err := wire.ParseRaw([]byte(`{"x":` + strconv.Quote(s) + `}`))
	if err != nil {
		panic(err)
	}
	return raw
}

func add(t require.TestingT, m *streamhttp.MemoryStore, session string, stream, seq uint64, data string) {
	require.NoError(t, m.Append(context.Background(), session, stream, streamhttp.Event{Seq: seq, Data: []byte(data)}))
}

func seqs(t require.TestingT, m *streamhttp.MemoryStore, session string, stream, after uint64) []uint64 {
	events, err := m.After(context.Background(), session, stream, after)
	if err != nil {
		require.ErrorIs(t, err, streamhttp.ErrEventsGone)
		return nil
	}
	out := []uint64{}
	for _, e := range events {
		out = append(out, e.Seq)
	}
	return out
}

func TestMemoryStoreKeepsStreamsApart(t *testing.T) {
	m := streamhttp.NewMemoryStore(streamhttp.MemoryLimits{})
	data := []byte("abc")
	require.NoError(t, m.Append(t.Context(), "a", 1, streamhttp.Event{Seq: 1, Data: data}))
	data[0] = 'x' // it is a copy
	add(t, m, "a", 2, 1, "other")
	add(t, m, "b", 1, 1, "other")
	add(t, m, "a", 1, 2, "d")
	events, err := m.After(t.Context(), "a", 1, 0)
	require.NoError(t, err)
	require.Equal(t, []streamhttp.Event{{Seq: 1, Data: []byte("abc")}, {Seq: 2, Data: []byte("d")}}, events)
	require.Equal(t, []uint64{2}, seqs(t, m, "a", 1, 1))
	require.Empty(t, seqs(t, m, "a", 1, 2))
	require.Empty(t, seqs(t, m, "c", 1, 0))
	m.Forget("a")
	require.Empty(t, seqs(t, m, "a", 1, 0))
	require.Equal(t, []uint64{1}, seqs(t, m, "b", 1, 0))
}

func TestMemoryStoreLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := streamhttp.NewMemoryStore(streamhttp.MemoryLimits{Bytes: 10})
		add(t, m, "a", 1, 1, "12345")
		add(t, m, "b", 1, 1, "12345")
		add(t, m, "a", 1, 2, "1")
		require.Nil(t, seqs(t, m, "a", 1, 0), "the oldest went")
		require.Equal(t, []uint64{2}, seqs(t, m, "a", 1, 1))

		m = streamhttp.NewMemoryStore(streamhttp.MemoryLimits{SessionBytes: 10})
		add(t, m, "b", 1, 1, "12345")
		add(t, m, "a", 1, 1, "12345")
		add(t, m, "a", 2, 1, "12345") // at the limit
		add(t, m, "b", 1, 2, "1234")
		require.Equal(t, []uint64{1}, seqs(t, m, "a", 1, 0))
		add(t, m, "a", 2, 2, "1")
		require.Empty(t, seqs(t, m, "a", 1, 0), "the oldest of the session went")
		require.Equal(t, []uint64{1, 2}, seqs(t, m, "a", 2, 0))
		require.Equal(t, []uint64{1, 2}, seqs(t, m, "b", 1, 0), "others are not concerned")
		require.Equal(t, streamhttp.MemoryStats{Sessions: 2, Events: 4, Bytes: 15, Dropped: 1}, m.Stats())

		m = streamhttp.NewMemoryStore(streamhttp.MemoryLimits{Events: 2})
		for seq := range uint64(5) {
			add(t, m, "a", 1, seq+1, "")
		}
		require.Nil(t, seqs(t, m, "a", 1, 2))
		require.Equal(t, []uint64{4, 5}, seqs(t, m, "a", 1, 3))

		m = streamhttp.NewMemoryStore(streamhttp.MemoryLimits{})
		add(t, m, "a", 1, 1, "")
		time.Sleep(3 * time.Minute)
		add(t, m, "a", 1, 2, "")
		time.Sleep(3 * time.Minute)
		require.Nil(t, seqs(t, m, "a", 1, 0), "older than 5 minutes")
		require.Equal(t, []uint64{2}, seqs(t, m, "a", 1, 1))
		time.Sleep(time.Hour)
		require.Empty(t, seqs(t, m, "a", 1, 1))
	})
}

// Whatever happens, what the store gives is the newest of a stream, without a gap, or ErrEventsGone.
func TestMemoryStoreGivesNoGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := streamhttp.NewMemoryStore(streamhttp.MemoryLimits{Events: rapid.IntRange(1, 20).Draw(t, "events"), Bytes: 50, SessionBytes: rapid.IntRange(0, 30).Draw(t, "bytes")})
		type stream struct {
			session string
			number  uint64
		}
		last := map[stream]uint64{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			s := stream{rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "session"), rapid.Uint64Range(0, 3).Draw(t, "stream")}
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				m.Forget(s.session)
				for k := range last {
					if k.session == s.session {
						delete(last, k)
					}
				}
			case 1, 2, 3:
				after := rapid.Uint64Range(0, last[s]).Draw(t, "after")
				got := seqs(t, m, s.session, s.number, after)
				for i, seq := range got {
					require.Equal(t, after+1+uint64(i), seq)
				}
				if len(got) > 0 {
					require.Equal(t, last[s], got[len(got)-1])
				}
			default:
				last[s]++
				add(t, m, s.session, s.number, last[s], "12345"[:rapid.IntRange(0, 5).Draw(t, "size")])
			}
		}
	})
}
