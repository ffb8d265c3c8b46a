package tcp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB, name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// issue makes a certificate for 127.0.0.1 and localhost.
func (a *authority) issue(t testing.TB, subject pkix.Name) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) server(t testing.TB, auth tls.ClientAuthType) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{a.issue(t, pkix.Name{CommonName: "server"})},
		ClientCAs:    a.pool, ClientAuth: auth,
	}
}

func (a *authority) client(t testing.TB, name string) *tls.Config {
	cfg := &tls.Config{RootCAs: a.pool}
	if name != "" {
		cfg.Certificates = []tls.Certificate{a.issue(t, pkix.Name{CommonName: name, Organization: []string{"Tenon, Ltd"}})}
	}
	return cfg
}

func who(t *testing.T, s *rpc.Session) string {
	var raw wire.Raw
	require.NoError(t, s.Call(t.Context(), "who", nil, &raw))
	return raw.String()
}

func TestTheCertificateIsThePrincipal(t *testing.T) {
	keys := newAuthority(t, "authority")
	_, l := start(t, "tls://127.0.0.1:0", tcp.WithTLS(keys.server(t, tls.VerifyClientCertIfGiven)))
	address := "tls://" + l.Addr().String()
	const ada = `{"id":"x509:\"CN=authority\",\"CN=ada,O=Tenon\\\\, Ltd\""}`
	for range 2 { // a certificate that was renewed is the same principal
		s, _ := dial(t, tcp.Connect(address, tcp.WithClientTLS(keys.client(t, "ada"))))
		require.Equal(t, ada, who(t, s))
	}
	s, _ := dial(t, tcp.Connect(address, tcp.WithClientTLS(keys.client(t, "eve"))))
	require.NotEqual(t, ada, who(t, s))
	s, _ = dial(t, tcp.Connect(address, tcp.WithClientTLS(keys.client(t, ""))))
	require.Equal(t, `{"id":""}`, who(t, s))
}

// A certificate of another authority does not get as far as a session, and neither does none, where one is demanded; what
// does not trust the server or speaks no TLS does not either.
func TestWhoIsNotLetInByTLS(t *testing.T) {
	keys, others := newAuthority(t, "authority"), newAuthority(t, "authority")
	server, l := start(t, "tls://127.0.0.1:0", tcp.WithTLS(keys.server(t, tls.RequireAndVerifyClientCert)))
	address := "tls://" + l.Addr().String()
	impostor := others.client(t, "ada")
	impostor.RootCAs = keys.pool
	for name, cfg := range map[string]*tls.Config{"another authority": impostor, "no certificate": keys.client(t, "")} {
		s := client(t)
		conn, err := tcp.Connect(address, tcp.WithClientTLS(cfg)).Connect(t.Context(), s)
		if err == nil { // TLS 1.3 tells a client only once it reads
			require.Error(t, s.Call(t.Context(), "ping", nil, nil), name)
			require.Error(t, conn.Close())
		}
	}
	require.Eventually(t, func() bool { return server.Stats().Unauthenticated == 2 }, soon, time.Millisecond)

	_, err := tcp.Connect(address, tcp.WithClientTLS(others.client(t, ""))).Connect(t.Context(), client(t))
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	_, err = tcp.Connect(address).Connect(t.Context(), client(t))
	require.ErrorAs(t, err, &unknown, "by default the authorities are the system's")
	require.ErrorContains(t, err, "TLS handshake")

	plain := dialRaw(t, l.Addr())
	plain.say(hello)
	plain.over()
}

func TestACertificateWithoutASubjectIsNobody(t *testing.T) {
	keys := newAuthority(t, "authority")
	server, l := start(t, "tls://127.0.0.1:0", tcp.WithTLS(keys.server(t, tls.RequireAndVerifyClientCert)))
	cfg := keys.client(t, "")
	cfg.Certificates = []tls.Certificate{keys.issue(t, pkix.Name{})}
	s, _ := dial(t, tcp.Connect("tls://"+l.Addr().String(), tcp.WithClientTLS(cfg)))
	require.ErrorIs(t, s.Call(t.Context(), "ping", nil, nil), rpc.ErrSessionEnded)
	require.EqualValues(t, 1, server.Stats().Unauthenticated)
}

func TestTLSNeedsItsConfiguration(t *testing.T) {
	_, err := tcp.Listen(t.Context(), "tls://127.0.0.1:0")
	require.ErrorContains(t, err, "expected the option WithTLS")
}

// The handshake of TLS has its time, and a peer that does not finish it is gone after that.
func TestTimeOfTheTLSHandshake(t *testing.T) {
	keys := newAuthority(t, "authority")
	server, l := start(t, "tls://127.0.0.1:0", tcp.WithTLS(keys.server(t, tls.NoClientCert)),
		tcp.WithLimits(tcp.Limits{OpenTime: 50 * time.Millisecond}))
	silent := dialRaw(t, l.Addr())
	silent.say("\x16\x03\x01")
	silent.over()
	require.Eventually(t, func() bool { return server.Stats().NotOpened == 1 }, soon, time.Millisecond)
	// The same holds for what comes after it.
	open, err := tls.Dial("tcp", l.Addr().String(), keys.client(t, ""))
	require.NoError(t, err)
	newRaw(t, open).over()
	require.Eventually(t, func() bool { return server.Stats().NotOpened == 2 }, soon, time.Millisecond)
}

func TestConnectTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and does no handshake
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	d := tcp.Connect("tls://"+l.Addr().String(), tcp.WithClientLimits(tcp.ClientLimits{ConnectTime: 20 * time.Millisecond}))
	_, err = d.Connect(t.Context(), client(t))
	require.ErrorContains(t, err, "no connection after 20ms")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tcp.Connect("tls://"+l.Addr().String()).Connect(ctx, client(t))
	require.ErrorIs(t, err, context.Canceled)
}
