package serverauth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// KeyLimits says how the keys of an issuer are kept. A zero field means its default; a negative one no limit, but for
// Interval: none.
type KeyLimits struct {
	// Lifetime is how long keys are used before they are fetched again, unless the max-age of the answer says less, of
	// which a minute counts at least; default 10 minutes.
	Lifetime time.Duration
	// Stale is how long keys are used beyond that while they cannot be fetched; default 1 hour.
	Stale time.Duration
	// Interval is how often keys are fetched at most, because of a token with an unknown key id or after a failure;
	// default 30 s.
	Interval time.Duration
	// Keys is how many keys of a set are used, the first of it; default 100.
	Keys int
}

func (l KeyLimits) withDefaults() KeyLimits {
	for _, f := range []struct {
		v        *time.Duration
		standard time.Duration
	}{{&l.Lifetime, 10 * time.Minute}, {&l.Stale, time.Hour}, {&l.Interval, 30 * time.Second}} {
		switch {
		case *f.v == 0:
			*f.v = f.standard
		case *f.v < 0 && f.v == &l.Interval:
			*f.v = 0
		case *f.v < 0:
			*f.v = math.MaxInt64 / 4
		}
	}
	switch {
	case l.Keys == 0:
		l.Keys = 100
	case l.Keys < 0:
		l.Keys = math.MaxInt
	}
	return l
}

// verifyKey is a public key for signatures.
type verifyKey struct {
	id, alg string // "" if the set does not say
	key     any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// keySet is a set of keys and when it was fetched.
type keySet struct {
	keys  []verifyKey
	until time.Time // when it is to be fetched again
}

// keyring has the keys of an issuer: given once, or fetched when they are needed. It has no goroutine.
type keyring struct {
	limits KeyLimits
	fetch  func(ctx context.Context) ([]byte, http.Header, error) // nil: the keys never change

	mu     sync.Mutex
	set    *keySet
	asked  time.Time     // when it was last tried to fetch them
	failed error         // why that did not succeed; nil if it did
	flight chan struct{} // closed when the fetching that is under way ends; nil if none is
}

// find gives the keys that a header may mean. If there is none, the keys are fetched again, unless that is too soon or
// known to be useless. The error tells that there are no keys at all.
func (k *keyring) find(ctx context.Context, h joseHeader, foreign bool) ([]verifyKey, error) {
	for waited := false; ; waited = true {
		k.mu.Lock()
		now := time.Now()
		var found []verifyKey
		usable := k.set != nil && (k.fetch == nil || now.Before(k.set.until.Add(k.limits.Stale)))
		if usable {
			found = k.set.meant(h)
		}
		due := !usable || k.fetch != nil && !now.Before(k.set.until) || len(found) == 0 && k.fetch != nil && !foreign
		soon := !k.asked.IsZero() && now.Sub(k.asked) < k.limits.Interval && (k.failed != nil || len(found) == 0 && usable)
		flight := k.flight
		if waited || !due || soon || flight != nil && len(found) > 0 {
			err := k.failed
			k.mu.Unlock()
			if !usable {
				return nil, fmt.Errorf("the keys of the issuer are not known: %w", err)
			}
			return found, nil
		}
		if flight == nil {
			flight = make(chan struct{})
			k.flight, k.asked = flight, now
			k.mu.Unlock()
			k.refresh(ctx)
			continue
		}
		k.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// refresh fetches the keys, once at a time.
func (k *keyring) refresh(ctx context.Context) {
	var set *keySet
	err := errors.New("the fetching panicked")
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.failed = err; err == nil {
			k.set = set
		}
		close(k.flight)
		k.flight = nil
	}()
	body, header, failed := k.fetch(ctx)
	if err = failed; err != nil {
		return
	}
	var keys []verifyKey
	if keys, err = parseKeys(body, k.limits.Keys); err == nil {
		set = &keySet{keys, time.Now().Add(k.limits.lifetime(header))}
	}
}

// lifetime gives how long an answer may be used.
func (l KeyLimits) lifetime(h http.Header) time.Duration {
	for _, directive := range strings.Split(strings.Join(h["Cache-Control"], ","), ",") {
		if seconds, ok := strings.CutPrefix(strings.TrimSpace(strings.ToLower(directive)), "max-age="); ok {
			if n, err := strconv.ParseUint(seconds, 10, 31); err == nil {
				return min(l.Lifetime, max(time.Minute, time.Duration(n)*time.Second))
			}
		}
	}
	return l.Lifetime
}

// meant gives the keys that a header may mean: of its key id if it has one, and of its algorithm.
func (s *keySet) meant(h joseHeader) []verifyKey {
	var found []verifyKey
	for _, k := range s.keys {
		if (h.kid == "" || k.id == h.kid) && (k.alg == "" || k.alg == h.alg) && len(h.alg) > 2 && fits(h.alg, k.key) {
			found = append(found, k)
		}
	}
	return found
}

// jwks is a set of keys as text.
type jwks struct{ keys []wire.Raw }

// DecodeJSON is part of wire.Decodable.
func (s *jwks) DecodeJSON(d *wire.Decoder) {
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		if string(key) != "keys" {
			d.Raw()
			continue
		}
		if d.Once(&seen, 0) {
			d.Array()
			for d.Elem() {
				s.keys = append(s.keys, d.RawObject())
			}
		}
	}
	if seen&1 == 0 {
		d.Missing(seen, "keys")
	}
}

// parseKeys reads the public keys for signatures of a set (RFC 7517). What is for something else, or not understood, is
// left out; symmetric keys always are.
func parseKeys(text []byte, most int) ([]verifyKey, error) {
	var set jwks
	if err := wire.Decode(text, &set); err != nil {
		return nil, fmt.Errorf("the key set cannot be read: %w", err)
	}
	keys := []verifyKey{}
	for _, raw := range set.keys {
		if len(keys) >= most {
			break
		}
		if k, ok := parseKey(raw); ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// parseKey reads a public key for signatures.
func parseKey(raw wire.Raw) (verifyKey, bool) {
	parsed, err := jwk.ParseKey(raw.Bytes())
	if err != nil {
		return verifyKey{}, false
	}
	if use, ok := parsed.KeyUsage(); ok && use != "sig" {
		return verifyKey{}, false
	}
	if ops, ok := parsed.KeyOps(); ok && !slices.Contains(ops, jwk.KeyOpVerify) {
		return verifyKey{}, false
	}
	public, err := parsed.PublicKey()
	if err != nil {
		return verifyKey{}, false
	}
	var k verifyKey
	if err := jwk.Export(public, &k.key); err != nil {
		return verifyKey{}, false
	}
	if alg, ok := parsed.Algorithm(); ok {
		k.alg = alg.String()
	}
	k.id, _ = parsed.KeyID()
	for _, alg := range asymmetric {
		if fits(alg, k.key) {
			return k, true
		}
	}
	return verifyKey{}, false
}
