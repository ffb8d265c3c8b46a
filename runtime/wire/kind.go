package wire

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds. KindNone stands for no value at all: an absent [Raw], the end of
// the input, or bytes that start no JSON value.
const (
	KindNone Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

var kindNames = [...]string{"none", "null", "bool", "number", "string", "array", "object"}

// String returns the kind in lower case, such as "object".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid kind"
}

// kindOf tells the kind of a value by its first byte.
func kindOf(c byte) Kind {
	switch c {
	case 'n':
		return KindNull
	case 't', 'f':
		return KindBool
	case '"':
		return KindString
	case '[':
		return KindArray
	case '{':
		return KindObject
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return KindNumber
	}
	return KindNone
}

// Appender is a value that appends its JSON text to a buffer. AppendJSON
// returns the extended buffer as append does, never fails, and never writes a
// line break.
type Appender interface{ AppendJSON(dst []byte) []byte }

// Decodable is a value that reads itself from a [Decoder]. DecodeJSON consumes
// exactly one value and replaces everything the receiver held; errors stay in
// the decoder.
type Decodable interface{ DecodeJSON(d *Decoder) }
