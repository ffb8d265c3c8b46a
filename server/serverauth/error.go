package serverauth

import "errors"

// Reason says in what way a credential is not accepted.
type Reason string

// The reasons. Those marked are guesses: credentials that are forged or unknown, which are limited, see [GuessLimits].
const (
	ReasonMissing     Reason = "missing"       // there is none
	ReasonRequest     Reason = "bad request"   // it was presented in a way that is not allowed; status 400
	ReasonMalformed   Reason = "malformed"     // a guess: it is none, or too long
	ReasonUnknown     Reason = "unknown"       // a guess: nobody issued it, or nobody any more
	ReasonForged      Reason = "forged"        // a guess: its signature, or that of its proof, is not right
	ReasonExpired     Reason = "expired"       // it was valid
	ReasonNotYet      Reason = "not yet valid" // it will be valid, or was issued in the future
	ReasonIssuer      Reason = "issuer"        // somebody else issued it
	ReasonAudience    Reason = "audience"      // it is for another resource
	ReasonClaims      Reason = "claims"        // it lacks what it must have
	ReasonBinding     Reason = "binding"       // it is bound to a key or certificate that the request does not show
	ReasonReplayed    Reason = "replayed"      // its proof was used before
	ReasonNonce       Reason = "nonce"         // its proof must have the nonce that comes with the answer
	ReasonScope       Reason = "scope"         // its scopes do not suffice; status 403
	ReasonInsecure    Reason = "insecure"      // it came without TLS, see [HTTPS]; status 403
	ReasonLimited     Reason = "limited"       // too many guesses came from its address; status 429
	ReasonUnavailable Reason = "unavailable"   // it cannot be told at the moment; status 503
)

func (r Reason) guess() bool {
	return r == ReasonMalformed || r == ReasonUnknown || r == ReasonForged
}

// Error is why a credential is not accepted. Verifiers return it; any other error of theirs counts as ReasonUnknown, and its
// text goes nowhere but, without the token, to the log.
type Error struct {
	// Reason decides on the answer.
	Reason Reason
	// Description is for the client: one short sentence that gives nothing away, in ASCII.
	Description string

	cause error
}

// Refuse makes an error, with what it comes from for the log; nil for nothing.
func Refuse(reason Reason, description string, cause error) *Error {
	return &Error{reason, description, cause}
}

// Error gives the description and the cause.
func (e *Error) Error() string {
	text := "serverauth: " + e.Description
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// reasonOf makes an *Error of what a verifier returned.
func reasonOf(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e
	}
	return &Error{ReasonUnknown, "the token is not valid", err}
}

// errMissing is the error of verifiers for a request that presents nothing for them.
var errMissing = Refuse(ReasonMissing, "a token is required", nil)
