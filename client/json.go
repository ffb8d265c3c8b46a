package client

import (
	"fmt"

	"github.com/tenonmcp/tenon/runtime/wire"
)

var emptyObject = wire.MustRaw(`{}`)

// objectOf gives the JSON object that v makes; absent for nil and what encodes to null.
func objectOf(v any) (wire.Raw, error) {
	var raw wire.Raw
	var err error
	switch v := v.(type) {
	case nil:
	case wire.Raw:
		raw = v
	case wire.Appender:
		raw, err = wire.ParseRaw(v.AppendJSON(nil))
	default:
		raw, err = wire.Marshal(v)
	}
	switch {
	case err != nil:
		return wire.Raw{}, err
	case raw.Kind() == wire.KindNone || raw.Kind() == wire.KindNull:
		return wire.Raw{}, nil
	case raw.Kind() != wire.KindObject:
		return wire.Raw{}, fmt.Errorf("expected a value that makes a JSON object, found %T, which makes a JSON %s", v, raw.Kind())
	}
	return raw, nil
}
