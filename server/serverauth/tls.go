package serverauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// TLSOptions says what else a tls.Config is to do.
type TLSOptions struct {
	// ClientRoots are the authorities of client certificates, which are asked for and verified if they are not nil, see
	// [ClientCertificates]. A client need not have one unless RequireClient.
	ClientRoots *x509.CertPool
	// RequireClient refuses connections of clients without a certificate.
	RequireClient bool
}

// TLSConfig makes a tls.Config for an http.Server: TLS 1.2 or better, with cipher suites that have forward secrecy and
// authenticated encryption, HTTP/2 and HTTP/1.1.
//
//	certificates, err := serverauth.LoadCertificates("cert.pem", "key.pem")
//	…
//	web := &http.Server{Addr: ":443", Handler: mux, TLSConfig: serverauth.TLSConfig(certificates, serverauth.TLSOptions{})}
//	err = web.ListenAndServeTLS("", "")
func TLSConfig(c *Certificates, o TLSOptions) *tls.Config {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are all good
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: c.GetCertificate,
	}
	if o.ClientRoots != nil {
		cfg.ClientCAs, cfg.ClientAuth = o.ClientRoots, tls.VerifyClientCertIfGiven
		if o.RequireClient {
			cfg.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	return cfg
}

// Certificates is a certificate and its key in files, which are read again when they change. It is safe for concurrent use.
// The zero value has none, so that no connection is opened.
type Certificates struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   stamp
	looked  time.Time
}

// stamp tells whether files have changed.
type stamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

// lookInterval is how often the files are looked at, while there are connections.
const lookInterval = 10 * time.Second

// LoadCertificates reads a chain of certificates and the key of the first, as PEM. When a connection is opened, but at most
// every 10 s, it looks whether the files have changed, and reads them again; what cannot be read, or does not fit together,
// is logged to slog.Default(), and the certificate before stays.
func LoadCertificates(certFile, keyFile string) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, log: slog.Default()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files now. If that fails the certificate stays as it was.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load()
}

// Expires is when the certificate in use, or one that it depends on in its chain, ceases to be valid.
func (c *Certificates) Expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return time.Time{}
	}
	first := c.current.Leaf.NotAfter
	for _, der := range c.current.Certificate[1:] {
		if next, err := x509.ParseCertificate(der); err == nil && next.NotAfter.Before(first) {
			first = next.NotAfter
		}
	}
	return first
}

// GetCertificate is for tls.Config.
func (c *Certificates) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return nil, errors.New("serverauth: there is no certificate: LoadCertificates was not called")
	}
	if now := time.Now(); now.Sub(c.looked) >= lookInterval {
		c.looked = now
		if s, err := c.files(); err != nil || s != c.stamp {
			if err := c.load(); err != nil {
				c.log.Error("serverauth: the certificate could not be read again, the one before stays", "expires", c.current.Leaf.NotAfter, "error", err)
			}
		}
	}
	return c.current, nil
}

// files looks at the files.
func (c *Certificates) files() (s stamp, err error) {
	var cert, key fs.FileInfo
	if cert, err = os.Stat(c.certFile); err == nil {
		key, err = os.Stat(c.keyFile)
	}
	if err != nil {
		return s, err
	}
	return stamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}

// load reads the files. Under mu.
func (c *Certificates) load() error {
	s, err := c.files()
	if err != nil {
		return fmt.Errorf("serverauth.LoadCertificates: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil && pair.Leaf == nil {
		err = errors.New("the certificate cannot be parsed")
	}
	if err != nil {
		return fmt.Errorf("serverauth.LoadCertificates %s: %w", c.certFile, err)
	}
	c.current, c.stamp, c.looked = &pair, s, time.Now()
	return nil
}
