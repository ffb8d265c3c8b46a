package serverauth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ca issues certificates.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T, name string) *ca {
	c := &ca{key: newSigner(t, "ES256", "ca "+name).private.(*ecdsa.PrivateKey)}
	c.cert = c.issue(t, name, c.key, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return c
}

func (c *ca) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// issue makes a certificate of the authority for a key, with what template says.
func (c *ca) issue(t *testing.T, name string, key *ecdsa.PrivateKey, template *x509.Certificate) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template.SerialNumber, template.Subject = serial, pkix.Name{CommonName: name}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent := c.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, c.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert
}

func (c *ca) client(t *testing.T, name string, template x509.Certificate) *x509.Certificate {
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return c.issue(t, name, newSigner(t, "ES256", "cert "+name).private.(*ecdsa.PrivateKey), &template)
}

// show makes a request over TLS with a certificate; verified as an http.Server would.
func show(t *testing.T, h http.Handler, verified bool, token string, certs ...*x509.Certificate) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodPost, resourceURL, nil)
	q.TLS = &tls.ConnectionState{PeerCertificates: certs}
	if verified {
		q.TLS.VerifiedChains = [][]*x509.Certificate{certs}
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	return send(t, h, q)
}

func TestClientCertificatesInPlaceOfTokens(t *testing.T) {
	ours, others := newCA(t, "ours"), newCA(t, "others")
	h, saw := protect(ClientCertificates(ours.pool(), nil), Resource(resourceURL))
	good := ours.client(t, "ada", x509.Certificate{})
	require.Equal(t, http.StatusNoContent, show(t, h, false, "", good).Code)
	require.Equal(t, "x509:#CN=ours;CN=ada", saw.principal.ID)
	require.Equal(t, good.NotAfter.Unix(), saw.identity.Expires.Unix())
	for name, cert := range map[string]*x509.Certificate{
		"another authority": others.client(t, "ada", x509.Certificate{}),
		"expired":           ours.client(t, "ada", x509.Certificate{NotAfter: time.Now().Add(-time.Minute)}),
		"not valid yet":     ours.client(t, "ada", x509.Certificate{NotBefore: time.Now().Add(time.Minute)}),
		"for servers": ours.issue(t, "ada", newSigner(t, "ES256", "x").private.(*ecdsa.PrivateKey),
			&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
	} {
		rec := show(t, h, true, "", cert)
		require.Equal(t, http.StatusUnauthorized, rec.Code, name)
		require.Equal(t, name == "expired" || name == "not valid yet", strings.Contains(rec.Body.String(), name), "%s: %s", name, rec.Body)
	}
	require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodPost, resourceURL).Code)
	require.Equal(t, http.StatusUnauthorized, show(t, h, false, "a-token", good).Code, "a token is another matter")

	h, saw = protect(ClientCertificates(nil, func(c *x509.Certificate) (Identity, error) {
		return Identity{Subject: c.Subject.CommonName, Scopes: []string{"a"}}, nil
	}), Resource(resourceURL), "a")
	require.Equal(t, http.StatusUnauthorized, show(t, h, false, "", good).Code, "nobody verified it")
	require.Equal(t, http.StatusNoContent, show(t, h, true, "", good).Code)
	require.Equal(t, "x509:#ada", saw.principal.ID)
}

func TestTokensBoundToACertificate(t *testing.T) {
	c := newCA(t, "ours")
	good, other := c.client(t, "ada", x509.Certificate{}), c.client(t, "eve", x509.Certificate{})
	a, key := issued(t)
	h, _ := protect(a.verifier(), Resource(resourceURL))
	token := key.sign(t, nil, a.claims(m{"cnf": m{"x5t#S256": digest(good.Raw)}}))
	require.Equal(t, http.StatusNoContent, show(t, h, false, token, good).Code)
	for _, certs := range [][]*x509.Certificate{{other}, nil, {other, good}} {
		rec := show(t, h, false, token, certs...)
		require.Equal(t, http.StatusUnauthorized, rec.Code)
		require.Contains(t, rec.Header().Get("WWW-Authenticate"), "bound to another client certificate")
	}
	require.Equal(t, http.StatusUnauthorized, with(t, h, token).Code)
	h, _ = protect(a.verifier(), Resource(resourceURL, CertificateOf(func(*http.Request) *x509.Certificate { return good })))
	require.Equal(t, http.StatusNoContent, with(t, h, token).Code, "a proxy saw it")
}

// files writes a certificate for servers and its key.
func (c *ca) files(t *testing.T, dir, name string, until time.Time) (cert, key string) {
	k := newSigner(t, "ES256", "server "+name).private.(*ecdsa.PrivateKey)
	leaf := c.issue(t, name, k, &x509.Certificate{DNSNames: []string{"localhost"}, NotAfter: until})
	der, err := x509.MarshalECPrivateKey(k)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	secret(string(text))
	require.NoError(t, os.WriteFile(key, text, 0o600))
	require.NoError(t, os.WriteFile(cert, bytes.Join([][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}),
	}, nil), 0o600))
	return cert, key
}

func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	authority, dir := newCA(t, "ours"), t.TempDir()
	first := time.Now().Add(20 * time.Minute).Truncate(time.Second)
	cert, key := authority.files(t, dir, "one", first)
	c, err := LoadCertificates(cert, key)
	require.NoError(t, err)
	require.True(t, c.Expires().Equal(first))
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	web.TLS = TLSConfig(c, TLSOptions{})
	web.StartTLS()
	defer web.Close()
	served := func() string {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.pool(), ServerName: "localhost"}, DisableKeepAlives: true}}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL, nil)
		require.NoError(t, err)
		response, err := client.Do(q)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.TLS.PeerCertificates[0].Subject.CommonName
	}
	look := func() { c.mu.Lock(); c.looked = time.Time{}; c.mu.Unlock() }
	require.Equal(t, "one", served())
	second := time.Now().Add(40 * time.Minute).Truncate(time.Second)
	authority.files(t, dir, "two", second)
	require.Equal(t, "one", served(), "not so soon")
	look()
	require.Equal(t, "two", served())
	require.True(t, c.Expires().Equal(second))
	// What does not fit together is not used.
	require.NoError(t, os.WriteFile(key, []byte("nonsense"), 0o600))
	look()
	require.Equal(t, "two", served())
	require.Error(t, c.Reload())
	require.Contains(t, logged.String(), "the certificate could not be read again")
	require.NoError(t, os.Remove(cert))
	look()
	require.Equal(t, "two", served())
	authority.files(t, dir, "three", second)
	require.NoError(t, c.Reload())
	require.Equal(t, "three", served())
	_, err = LoadCertificates(filepath.Join(dir, "none"), key)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestExpiryIsThatOfTheWholeChain(t *testing.T) {
	authority := newCA(t, "short")
	cert, key := authority.files(t, t.TempDir(), "one", time.Now().Add(48*time.Hour))
	c, err := LoadCertificates(cert, key)
	require.NoError(t, err)
	require.True(t, c.Expires().Equal(authority.cert.NotAfter))
}

func TestTLSIsModern(t *testing.T) {
	authority := newCA(t, "ours")
	cert, key := authority.files(t, t.TempDir(), "one", time.Now().Add(time.Hour))
	c, err := LoadCertificates(cert, key)
	require.NoError(t, err)
	cfg := TLSConfig(c, TLSOptions{ClientRoots: authority.pool(), RequireClient: true})
	require.Equal(t, tls.RequireAndVerifyClientCert, cfg.ClientAuth)
	require.Equal(t, tls.VerifyClientCertIfGiven, TLSConfig(c, TLSOptions{ClientRoots: authority.pool()}).ClientAuth)
	require.Equal(t, tls.NoClientCert, TLSConfig(c, TLSOptions{}).ClientAuth)
	for _, weak := range tls.InsecureCipherSuites() {
		require.NotContains(t, cfg.CipherSuites, weak.ID, weak.Name)
	}
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.Config.ErrorLog = quiet()
	web.TLS = TLSConfig(c, TLSOptions{})
	web.StartTLS()
	defer web.Close()
	dial := func(o *tls.Config) error {
		o.RootCAs, o.ServerName = authority.pool(), "localhost"
		conn, err := (&tls.Dialer{Config: o}).DialContext(context.Background(), "tcp", web.Listener.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	require.Error(t, dial(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})) //nolint:gosec // the refusal is tested
	require.Error(t, dial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}))
	require.NoError(t, dial(&tls.Config{MaxVersion: tls.VersionTLS12}))
	require.NoError(t, dial(&tls.Config{MinVersion: tls.VersionTLS13}))
}
