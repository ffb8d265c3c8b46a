package rpc

import "github.com/tenonmcp/tenon/runtime/wire"

// DecodeResult reads a result of method that came in another way than as the answer to a Call, by the rules and with the
// error of [Session.Call].
func (s *Session) DecodeResult(method string, raw wire.Raw, result wire.Decodable) error {
	return s.decodeResult(method, raw, result)
}
