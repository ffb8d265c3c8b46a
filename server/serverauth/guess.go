package serverauth

import (
	"container/list"
	"math"
	"net/netip"
	"sync"
	"time"
)

// GuessLimits bounds how many credentials that are forged or unknown are put up with, by address (an IPv6 address counts
// with its /64) and by the client that a token claims to be of. Requests with a credential that is valid, that has expired
// or that is missing do not count, and are answered whatever else comes from their address. A zero field means its
// default; a negative one no limit.
type GuessLimits struct {
	// Rate is how many per second; default 10. As many may come at once.
	Rate float64
	// Block is for how long an address is shut out that sends more: its further guesses are answered with status 429;
	// default 5 minutes. If negative, only those beyond the rate are.
	Block time.Duration
	// Addresses is how many addresses and clients are remembered, those that guessed last; default 10,000.
	Addresses int
}

func (l GuessLimits) withDefaults() GuessLimits {
	switch {
	case l.Rate == 0:
		l.Rate = 10
	case l.Rate < 0:
		l.Rate = math.Inf(1)
	}
	switch {
	case l.Block == 0:
		l.Block = 5 * time.Minute
	case l.Block < 0:
		l.Block = 0
	}
	switch {
	case l.Addresses == 0:
		l.Addresses = 10_000
	case l.Addresses < 0:
		l.Addresses = math.MaxInt
	}
	return l
}

// guesses counts guesses.
type guesses struct {
	limits GuessLimits

	mu    sync.Mutex
	known map[string]*list.Element // of *guesser, by key
	order list.List                // the last to guess at the back
}

// guesser is an address or a client.
type guesser struct {
	key     string
	left    float64 // how many more it may send now
	at      time.Time
	blocked time.Time // until when
}

func newGuesses(l GuessLimits) *guesses {
	return &guesses{limits: l.withDefaults(), known: make(map[string]*list.Element)}
}

// addressKey gives the key of an address.
func addressKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return "address " + p.String()
		}
	}
	return "address " + a.String()
}

// add counts a guess, and tells for how long the address is shut out now, and whether it has just been.
func (g *guesses) add(address netip.Addr, client string) (blocked time.Duration, fresh bool) {
	if math.IsInf(g.limits.Rate, 1) {
		return 0, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	a := g.take(addressKey(address), now)
	if d := a.blocked.Sub(now); d > 0 {
		return d, false
	}
	over := !g.spend(a)
	if client != "" {
		over = !g.spend(g.take("client "+client, now)) || over
	}
	switch {
	case !over:
		return 0, false
	case g.limits.Block == 0:
		return time.Second, false
	}
	a.blocked = now.Add(g.limits.Block)
	return g.limits.Block, true
}

// take finds a guesser, or makes one, and gives it what it got since.
func (g *guesses) take(key string, now time.Time) *guesser {
	most := math.Max(1, g.limits.Rate)
	if e := g.known[key]; e != nil {
		g.order.MoveToBack(e)
		s := e.Value.(*guesser)
		s.left = math.Min(most, s.left+now.Sub(s.at).Seconds()*g.limits.Rate)
		s.at = now
		return s
	}
	for g.order.Len() > 0 && g.order.Len() >= g.limits.Addresses {
		first := g.order.Front()
		delete(g.known, g.order.Remove(first).(*guesser).key)
	}
	s := &guesser{key: key, left: most, at: now}
	g.known[key] = g.order.PushBack(s)
	return s
}

func (g *guesses) spend(s *guesser) bool {
	if s.left < 1 {
		return false
	}
	s.left--
	return true
}

// wait is how many seconds an address is shut out for, at least 1.
func (g *guesses) wait(address netip.Addr) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.known[addressKey(address)]; e != nil {
		return max(1, int(math.Ceil(time.Until(e.Value.(*guesser).blocked).Seconds())))
	}
	return 1
}

// count gives how many addresses are known, and how many of them are shut out.
func (g *guesses) count() (known, blocked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for e := g.order.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*guesser); s.key[0] == 'a' {
			known++
			if now.Before(s.blocked) {
				blocked++
			}
		}
	}
	return known, blocked
}
