package serverauth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not be seen: a token, an API key, a client secret. However it is printed, logged or encoded,
// it is "[redacted]"; string(s) gives it away.
type Secret string

const redacted = "[redacted]"

// String gives no secret.
func (s Secret) String() string { return redacted }

// Format gives no secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives no secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// SHA256 gives the SHA-256 of the secret in hexadecimal, by which to look it up: a table that has only digests gives no
// secret away, and finding one in it takes no time that depends on others.
func (s Secret) SHA256() string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
