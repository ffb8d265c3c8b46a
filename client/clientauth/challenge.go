package clientauth

import (
	"net/http"
	"strings"
)

// challenge is one challenge of a WWW-Authenticate header (RFC 9110 section 11.6.1).
type challenge struct {
	scheme string            // in lower case
	params map[string]string // names in lower case
}

// pickChallenge gives the challenge of an answer that this package can deal with: the first of the scheme DPoP or Bearer,
// one with an error or metadata before one that says nothing. The zero value if there is none.
func pickChallenge(h http.Header) challenge {
	var best challenge
	for _, line := range h.Values("WWW-Authenticate") {
		for _, c := range parseChallenges(line) {
			if c.scheme != "bearer" && c.scheme != "dpop" {
				continue
			}
			if best.scheme == "" || len(best.params) == 0 && len(c.params) > 0 {
				best = c
			}
		}
	}
	return best
}

// scopes gives the scopes that the challenge asks for; nil if it does not say.
func (c challenge) scopes() []string { return strings.Fields(c.params["scope"]) }

// parseChallenges reads the challenges of a header line. What cannot be understood ends it; what came before counts.
func parseChallenges(line string) []challenge {
	var all []challenge
	p := headerParser{text: line}
	for {
		p.skip(" \t,")
		scheme := p.token()
		if scheme == "" {
			return all
		}
		c := challenge{scheme: strings.ToLower(scheme), params: map[string]string{}}
		if !p.is(' ', '\t') && !p.atEnd() && !p.is(',') {
			return all
		}
		p.params(&c)
		all = append(all, c)
	}
}

// headerParser reads a header line from front to back.
type headerParser struct {
	text string
	at   int
}

func (p *headerParser) atEnd() bool { return p.at >= len(p.text) }

func (p *headerParser) is(any ...byte) bool {
	for _, c := range any {
		if !p.atEnd() && p.text[p.at] == c {
			return true
		}
	}
	return false
}

func (p *headerParser) skip(set string) {
	for !p.atEnd() && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
	}
}

// token reads a token; "" if none is next.
func (p *headerParser) token() string {
	start := p.at
	for !p.atEnd() && isTokenChar(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

func isTokenChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// token68 skips the token68 of a challenge, which nothing here has a use for, if it has one.
func (p *headerParser) token68() {
	start := p.at
	p.skip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/")
	p.skip("=")
	p.skip(" \t")
	if !p.atEnd() && !p.is(',') {
		p.at = start // a parameter
	}
}

// params reads the parameters of a challenge, up to the next challenge. Of a parameter that occurs twice the first counts.
func (p *headerParser) params(c *challenge) {
	p.skip(" \t")
	p.token68()
	for {
		p.skip(" \t,")
		start := p.at
		name := strings.ToLower(p.token())
		p.skip(" \t")
		if name == "" || !p.is('=') {
			p.at = start // the scheme of the next challenge, or the end
			return
		}
		p.at++
		p.skip(" \t")
		value, ok := p.value()
		if !ok {
			return
		}
		if _, twice := c.params[name]; !twice {
			c.params[name] = value
		}
	}
}

// value reads a token or a quoted string.
func (p *headerParser) value() (string, bool) {
	if !p.is('"') {
		v := p.token()
		return v, v != ""
	}
	var b strings.Builder
	for p.at++; !p.atEnd(); p.at++ {
		switch p.text[p.at] {
		case '"':
			p.at++
			return b.String(), true
		case '\\':
			if p.at++; p.atEnd() {
				return "", false
			}
		}
		b.WriteByte(p.text[p.at])
	}
	return "", false
}
