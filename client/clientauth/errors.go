package clientauth

import (
	"errors"
	"fmt"
	"strings"
)

// What went wrong, for errors.Is. An error of this package says besides which step it was, at which URL, and what was
// expected.
var (
	// ErrForbiddenAddress is a URL or an address that the client must not be sent to: see [WithPrivateAddresses] and
	// [WithPlainHTTP].
	ErrForbiddenAddress = errors.New("the address is not allowed")
	// ErrResourceMismatch is protected resource metadata that is about another server (RFC 9728 section 3.3).
	ErrResourceMismatch = errors.New("the resource metadata is about another server")
	// ErrIssuerMismatch is metadata, or an answer to the authorization request, of another issuer than the expected one
	// (RFC 8414 section 3.3, RFC 9207 section 2.4).
	ErrIssuerMismatch = errors.New("the issuer is not the expected one")
	// ErrStateMismatch is an answer to the authorization request that does not have the state of the request.
	ErrStateMismatch = errors.New("the state is not that of the request")
	// ErrNoPKCE is an authorization server that does not say that it supports PKCE with S256.
	ErrNoPKCE = errors.New("the authorization server does not support PKCE with S256")
	// ErrDowngrade is a token that is not bound to the client's key where DPoP was asked for.
	ErrDowngrade = errors.New("the token is not bound to the client's key")
	// ErrTooLarge is an answer larger than [Limits].Response.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrRedirected is an answer that sends the client to another place, where that is not followed.
	ErrRedirected = errors.New("the redirect was not followed")
	// ErrNoClientID means that there is no way to get a client id at the authorization server.
	ErrNoClientID = errors.New("there is no client id for this authorization server")
)

// Error is the failure of a step of the flow. It never holds a secret.
type Error struct {
	// Step is what was being done, such as "token request".
	Step string
	// URL is where, without its query; empty if the step has no URL.
	URL string
	// Status is the HTTP status of the answer; 0 if there was none.
	Status int
	// Code is the OAuth error code of the answer, such as invalid_grant; empty if there was none.
	Code string
	// Description is the text that came with the code, shortened.
	Description string
	// Err is the cause; nil if the other fields say it all.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("clientauth: " + e.Step)
	if e.URL != "" {
		b.WriteString(" at " + e.URL)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP status %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.Description != "" {
		b.WriteString(": " + e.Description)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// codeOf gives the OAuth error code of an error, "" if it has none.
func codeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isFinal tells whether asking elsewhere, or again, would be wrong: something was refused on purpose.
func isFinal(err error) bool {
	for _, final := range []error{ErrForbiddenAddress, ErrResourceMismatch, ErrIssuerMismatch, ErrTooLarge, ErrRedirected} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// printable shortens text of another party to what fits a line.
func printable(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7F || r == 0xFFFD {
			return ' '
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
