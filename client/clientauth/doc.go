// Package clientauth gets tokens for MCP servers and uses them: the client side of the authorization page of revision
// 2025-11-25, for the HTTP-based transports.
//
//	auth, err := clientauth.New(url, clientauth.Browser(clientauth.OpenBrowser), clientauth.WithStore(clientauth.FileStore(folder)))
//	…
//	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), streamhttp.Connect(url, streamhttp.WithClient(auth.Client())))
//
// [Authorizer.Client] is an HTTP client for the server. When the server answers that a token is needed (401), the client
// finds the authorization server by the server's metadata, finds or registers a client id there, has the user authorize it,
// gets a token, and sends the request again. A token is used for as long as it lasts, refreshed when it ends, and replaced
// by one with more scopes when the server asks for such (403 insufficient_scope); all callers wait for one such exchange.
//
// How a token is got is a [Flow]: [Browser] and [Redirect] for a user, [ClientCredentials], [Enterprise] and [Workload] for
// machines. The client id is, in this order: that of [WithCredentials], the URL of [WithMetadataDocument], one registered
// dynamically, what the user says ([AskForCredentials]). Registrations and tokens are kept in a [Store], the former by
// issuer: no authorization server ever sees the credentials of another.
//
// What the MCP server and its metadata say is not trusted. URLs have to be https, or of this machine; addresses are checked
// when they are dialed, and private ones refused unless the MCP server has one of that kind itself; the published resource
// has to be the server's own; the metadata has to be of the issuer it was asked for; PKCE with S256 is required; state and
// issuer of the answer are compared; answers are bounded in size and time; redirects lead nowhere else; and the token goes
// to the server's origin only. An option says so where a default can be changed.
//
// [Trace] writes what happened, step by step, without secrets.
package clientauth
