package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestChaos is the short form of make chaos.
func TestChaos(t *testing.T) {
	p := plan{Pairs: 40, Callers: 4, Time: 5 * time.Second, Faults: 0.06}
	if testing.Short() {
		p.Pairs, p.Time = 20, time.Second
	}
	summary, err := chaos(t.Context(), p, "")
	t.Log("\n" + summary)
	require.NoError(t, err)
	for _, what := range []string{entryResult, entryError, entryCancelled, entryProgress, entryAnswer} {
		require.Contains(t, "\n"+summary, "\n"+what+" ", "the run shows nothing of what did not happen")
	}
}

// TestTheJournalShowsWhatIsWrong: the check itself finds what it is there to find.
func TestTheJournalShowsWhatIsWrong(t *testing.T) {
	const good = `{"pair":1,"what":"call","token":"p1-c0-n1"}
{"pair":1,"what":"run","token":"p1-c0-n1"}
{"pair":1,"what":"asked","token":"p1-c0-n1"}
{"pair":1,"what":"answer","token":"p1-c0-n1","got":"p1-c0-n1"}
{"pair":1,"what":"progress","token":"p1-c0-n1","got":"p1-c0-n1"}
{"pair":1,"what":"ran","token":"p1-c0-n1"}
{"pair":1,"what":"result","token":"p1-c0-n1","got":"p1-c0-n1"}
{"pair":2,"what":"call","token":"p2-c0-n1"}
{"pair":2,"what":"error","token":"p2-c0-n1","got":"why"}
{"pair":2,"what":"dial"}
`
	counts, err := verify(strings.NewReader(good))
	require.NoError(t, err)
	require.Equal(t, 2, counts[entryCall])
	for line, want := range map[string]string{
		`{"pair":1,"what":"result","token":"p1-c0-n1","got":"p1-c0-n1"}`:   "ended 2 times",
		`{"pair":1,"what":"call","token":"p1-c0-n2"}`:                      "ended 0 times",
		`{"pair":1,"what":"cancelled","token":"p1-c0-n9"}`:                 "a call that nobody made",
		`{"pair":1,"what":"progress","token":"p1-c0-n1","got":"p2-c0-n1"}`: "that of another call",
		`{"pair":1,"what":"answer","token":"p1-c0-n1","got":"p1-c0-n2"}`:   "that of another call",
		`{"pair":3,"what":"asked","token":"p1-c0-n1"}`:                     "belongs to another pair",
		`{"pair":2,"what":"run","token":"p2-c0-n1"}`:                       "1 handlers began and 0 returned",
	} {
		_, err := verify(strings.NewReader(good + line))
		require.ErrorContains(t, err, want)
	}
	swapped := strings.Replace(good, `"what":"result","token":"p1-c0-n1","got":"p1-c0-n1"`, `"what":"result","token":"p1-c0-n1","got":"p2-c0-n1"`, 1)
	_, err = verify(strings.NewReader(swapped))
	require.ErrorContains(t, err, "the result is that of another call")
}
