// Package serverauth protects servers over HTTP as OAuth 2.1 resource servers (specification 2025-11-25,
// basic/authorization). [Require] is HTTP middleware for every transport over HTTP, or for a whole mux:
//
//	resource := serverauth.Resource("https://mcp.example.com/mcp")
//	verifier := serverauth.JWT("https://auth.example.com")
//	mux.Handle("/mcp", streamhttp.Handler(s))
//	err := http.ListenAndServeTLS(":443", "cert.pem", "key.pem", serverauth.Require(verifier, resource, "mcp:use")(mux))
//
// A [Verifier] finds out who presents a credential: [JWT], [Introspection], [APIKeys], [ClientCertificates], a function of
// yours ([VerifierFunc]), or several of them ([AnyOf]). Tokens that are bound to a key (DPoP, RFC 9449) or a client
// certificate (RFC 8705) are taken only with what they are bound to, whatever verified them.
//
// Who calls is the principal of the call (server.CallFrom(ctx).Principal()): sessions and tasks belong to it. What it may
// do beyond what [Require] asks of everybody is said for each tool, resource and prompt with server.Scopes.
//
// # What clients are told
//
//	400  invalid_request     two Authorization headers, or a token in the URL
//	401                      no credential: a challenge with the URL of the metadata and the scopes to ask for
//	401  invalid_token       forged, unknown, expired, not yet valid, or for another resource
//	401  invalid_dpop_proof  the proof is missing or not right
//	401  use_dpop_nonce      with the nonce in the DPoP-Nonce header
//	403  insufficient_scope  with all scopes to ask for
//	403                      https is required
//	429                      too many guesses from this address; with Retry-After
//	503                      the authorization server cannot be reached; with Retry-After
//
// Nothing of a token or key reaches a log, an error or an answer, nor, unless [KeepAuthorization] says so, a handler.
//
// # Limits
//
//	token, DPoP proof       16 KiB   each; longer ones are refused
//	GuessLimits             10/s     forged and unknown credentials by address and client
//	                        5 min    for which an address is shut out after more
//	                        10,000   addresses and clients are remembered
//	ClockSkew               30 s     up to 5 min
//	KeyLimits               10 min   for which keys of an issuer are used
//	                        1 h      beyond that while it cannot be reached
//	                        30 s     between fetches because of unknown key ids or failures
//	                        100      keys of an issuer
//	FetchLimits             1 MiB    of an answer of an authorization server
//	                        10 s     for it
//	CacheAnswers            10 s     for which an introspection is kept
//	                        10,000   introspections are kept
//	                        10,000   tokens that were active are known by their digests, for 24 h: they are no guesses
//	DPoPOptions             60 s     for which a proof is good
//	                        10 s     of clock skew, up to 5 min
//	                        100,000  proofs are remembered, a tenth of them for one key
//	                        5 min    between nonces
package serverauth
