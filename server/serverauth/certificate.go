package serverauth

import (
	"context"
	"crypto/x509"
	"time"
)

// ClientCertificates verifies clients by their certificate in place of a token (mutual TLS). It is checked against roots for
// client authentication, with the intermediates that came with it; nil roots take what the http.Server's tls.Config has
// verified (ClientAuth: tls.RequireAndVerifyClientCert, or VerifyClientCertIfGiven, see [TLSOptions]). who tells whose it
// is; nil takes the subject for it. Issuer "x509:" stands for an empty one.
//
// A request with a token is not for this verifier: with [AnyOf] both are taken.
func ClientCertificates(roots *x509.CertPool, who func(*x509.Certificate) (Identity, error)) Verifier {
	if who == nil {
		who = bySubject
	}
	return clientCertificates{roots, who}
}

type clientCertificates struct {
	roots *x509.CertPool
	who   func(*x509.Certificate) (Identity, error)
}

// bySubject takes the subject of a certificate for its owner. Its issuer is part of it: two authorities may
// name the same. A semicolon is escaped in both.
func bySubject(c *x509.Certificate) (Identity, error) {
	return Identity{Subject: c.Issuer.String() + ";" + c.Subject.String()}, nil
}

// Verify checks the certificate.
func (v clientCertificates) Verify(_ context.Context, c Credential) (Identity, error) {
	if c.Token != "" || c.Certificate == nil {
		return Identity{}, errMissing
	}
	cert, tls := c.Certificate, c.Request.TLS
	now := time.Now()
	switch {
	case now.After(cert.NotAfter):
		return Identity{}, Refuse(ReasonExpired, "the client certificate has expired", nil)
	case now.Before(cert.NotBefore):
		return Identity{}, Refuse(ReasonNotYet, "the client certificate is not valid yet", nil)
	}
	if v.roots == nil {
		if tls == nil || len(tls.VerifiedChains) == 0 || !tls.PeerCertificates[0].Equal(cert) {
			return Identity{}, Refuse(ReasonForged, "the client certificate was not verified", nil)
		}
	} else {
		o := x509.VerifyOptions{Roots: v.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if tls != nil && len(tls.PeerCertificates) > 1 {
			for _, between := range tls.PeerCertificates[1:] {
				o.Intermediates.AddCert(between)
			}
		}
		if _, err := cert.Verify(o); err != nil {
			return Identity{}, Refuse(ReasonForged, "the client certificate is of no authority that is trusted", err)
		}
	}
	id, err := v.who(cert)
	if err != nil {
		return Identity{}, err
	}
	if id.Issuer == "" {
		id.Issuer = "x509:"
	}
	if id.Expires.IsZero() || id.Expires.After(cert.NotAfter) {
		id.Expires = cert.NotAfter
	}
	return id, nil
}
