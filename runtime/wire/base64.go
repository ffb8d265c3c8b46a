package wire

import "encoding/base64"

// Base64 is binary data as base64 text (RFC 4648 section 4, padded), as it came:
// it is checked when its bytes are asked for.
type Base64 string

// EncodeBase64 returns b as base64.
func EncodeBase64(b []byte) Base64 { return Base64(base64.StdEncoding.EncodeToString(b)) }

// Bytes returns the data. The error is a [*PathError] with an empty pointer.
func (s Base64) Bytes() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(string(s))
}

// Validate returns an error if the text is not base64: anything but whole groups
// of four characters of the alphabet, the last one padded with '='. Unused bits
// in the last character are not looked at.
func (s Base64) Validate() error {
	if len(s)%4 != 0 {
		return &PathError{Offset: -1, Expected: "base64 in whole groups of four characters"}
	}
	body := s
	for range 2 {
		if n := len(body); n > 0 && body[n-1] == '=' {
			body = body[:n-1]
		}
	}
	var bad uint8
	for i := 0; i < len(body); i++ {
		bad |= notBase64[body[i]] // without a branch: this may be long
	}
	if bad != 0 {
		return &PathError{Offset: -1, Expected: "base64"}
	}
	return nil
}

// notBase64 is 1 for the bytes outside the alphabet.
var notBase64 = func() (t [256]uint8) {
	for i := range t {
		t[i] = 1
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = 0
	}
	return t
}()
