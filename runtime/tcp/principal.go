package tcp

import (
	"crypto/tls"
	"errors"
	"net"
	"strconv"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// PeerCredentials says which process connected to a Unix socket, as it was when it connected.
type PeerCredentials struct{ PID, UID, GID int }

// CertificatePrincipal finds out whose certificate the peer showed, if TLS verified one, for [WithPrincipal]. The
// principal's ID is made of the distinguished names of the certificate's issuer and subject, so it outlives a renewal of
// the certificate; its Value is the *x509.Certificate. A certificate without a subject is an error. Without a verified
// certificate there is no principal.
func CertificatePrincipal(conn net.Conn) (*rpc.Principal, error) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	chains := secure.ConnectionState().VerifiedChains
	if len(chains) == 0 {
		return nil, nil
	}
	leaf := chains[0][0]
	subject := leaf.Subject.String()
	if subject == "" {
		return nil, errors.New("tcp: the client's certificate has no subject, so it cannot say who the session belongs to")
	}
	return &rpc.Principal{ID: "x509:" + strconv.Quote(leaf.Issuer.String()) + "," + strconv.Quote(subject), Value: leaf}, nil
}
