package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// key is a key that tokens are signed with.
type key struct {
	id      string
	private *ecdsa.PrivateKey
	until   time.Time // when the last token that it signed expires; zero while it is in use
}

func (k *key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k *key) Key() any                                    { return k.private }
func (k *key) ID() string                                  { return k.id }

// public is the half of a key that is published.
type public struct{ *key }

func (p public) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (p public) Use() string                        { return "sig" }
func (p public) Key() any                           { return &p.private.PublicKey }

// rotate signs with a new key from now on, and gives its id. Those before are published for as long as there are tokens of
// theirs, unless they are to be forgotten.
func (s *storage) rotate(forget bool) (string, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, old := range s.keys {
		if old.until.IsZero() {
			old.until = now.Add(s.lifetime)
		}
	}
	if forget {
		s.keys = nil
	}
	s.keys = append(s.keys, &key{id: rand.Text(), private: private})
	return s.keys[len(s.keys)-1].id, nil
}

// SigningKey gives the key in use.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[len(s.keys)-1], nil
}

// SignatureAlgorithms gives the one that there is.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet gives the keys that are published, the one in use last.
func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []op.Key
	for _, k := range s.keys {
		if k.until.IsZero() || time.Now().Before(k.until) {
			all = append(all, public{k})
		}
	}
	return all, nil
}
