package serverauth

import (
	"container/heap"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"time"
)

// nonces makes the nonces of a server out of a key and the time. Nothing is kept of them.
type nonces struct {
	key   []byte
	every time.Duration
}

func newNonces(key []byte, every time.Duration) *nonces {
	if every <= 0 {
		every = 5 * time.Minute
	}
	switch {
	case key == nil:
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
	case len(key) < 32:
		panic("serverauth.DPoP: NonceKey must have at least 32 bytes")
	}
	return &nonces{slices.Clone(key), every}
}

func (n *nonces) at(period int64) string {
	h := hmac.New(sha256.New, n.key)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(period))
	_, _ = h.Write(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (n *nonces) period() int64 { return time.Now().UnixNano() / int64(n.every) }

// current gives the nonce that proofs are to have.
func (n *nonces) current() string { return n.at(n.period()) }

// valid reports whether it is the current nonce or the one before.
func (n *nonces) valid(nonce string) bool {
	p := n.period()
	return sameText(nonce, n.at(p)) || sameText(nonce, n.at(p-1))
}

// replays remembers proofs until they are too old to be used again.
type replays struct {
	most, mostOfKey int

	mu     sync.Mutex
	known  map[string]struct{}
	ofKey  map[string]int
	expiry expiries
}

var errManyProofs = errors.New("too many proofs came lately")

func newReplays(most int) *replays {
	switch {
	case most == 0:
		most = 100_000
	case most < 0:
		most = math.MaxInt
	}
	return &replays{most: most, mostOfKey: max(1, most/10), known: make(map[string]struct{}), ofKey: make(map[string]int)}
}

// add remembers a proof of the key with a thumbprint, and tells whether it was known.
func (r *replays) add(thumbprint, proof string, until time.Time) (seen bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for len(r.expiry) > 0 && r.expiry[0].until.Before(now) {
		old := heap.Pop(&r.expiry).(expiry)
		delete(r.known, old.proof)
		if r.ofKey[old.thumbprint]--; r.ofKey[old.thumbprint] <= 0 {
			delete(r.ofKey, old.thumbprint)
		}
	}
	if _, ok := r.known[proof]; ok {
		return true, nil
	}
	if len(r.known) >= r.most || r.ofKey[thumbprint] >= r.mostOfKey {
		return false, errManyProofs
	}
	r.known[proof] = struct{}{}
	r.ofKey[thumbprint]++
	heap.Push(&r.expiry, expiry{until, proof, thumbprint})
	return false, nil
}

// expiries are proofs, the first to be forgotten first.
type expiries []expiry

type expiry struct {
	until             time.Time
	proof, thumbprint string
}

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push is part of heap.Interface.
func (e *expiries) Push(v any) { *e = append(*e, v.(expiry)) }

// Pop is part of heap.Interface.
func (e *expiries) Pop() any {
	last := len(*e) - 1
	v := (*e)[last]
	(*e)[last] = expiry{}
	*e = (*e)[:last]
	return v
}
