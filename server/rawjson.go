package server

import (
	"fmt"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// addTo appends v to the list that is the member name of o.
func addTo(o *wire.Object, name string, v wire.Raw) {
	list, ok := o.Get(name)
	if !ok {
		o.Set(name, raws(v))
		return
	}
	var values []wire.Raw
	if err := list.Unmarshal(&values); err != nil {
		values = []wire.Raw{list} // it was no list
	}
	o.Set(name, raws(append(values, v)...))
}

// mustParse is wire.ParseRaw for JSON that was just written.
func mustParse(b []byte) wire.Raw {
	r, err := wire.ParseRaw(b)
	if err != nil {
		panic(fmt.Sprintf("server: wrote bad JSON: %v", err))
	}
	return r
}

func raw(v wire.Appender) wire.Raw { return mustParse(v.AppendJSON(nil)) }
func text(s string) wire.Raw       { return mustParse(wire.AppendString(nil, s)) }
func integer(n int64) wire.Raw     { return mustParse(wire.AppendInt(nil, n)) }
func boolean(b bool) wire.Raw      { return mustParse(wire.AppendBool(nil, b)) }

func texts(list []string) wire.Raw {
	values := make([]wire.Raw, len(list))
	for i, s := range list {
		values[i] = text(s)
	}
	return raws(values...)
}

func raws(values ...wire.Raw) wire.Raw {
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.AppendJSON(b)
	}
	return mustParse(append(b, ']'))
}
