// Package wire is JSON as the Model Context Protocol needs it on the wire: a
// strict one-pass [Decoder], appending encoders, raw values and errors that say
// where.
//
// The decoder refuses what two readers could understand differently: member
// names match by exact bytes, and a repeated name, invalid UTF-8, a raw control
// character, a byte order mark, bytes after the value and nesting over a limit
// are errors, at every level of the document, inside raw values too. It
// tolerates what is merely sloppy: 1.0 and 1e2 are integers, and the escape of
// half a surrogate pair in a string value reads as U+FFFD (an error in member
// names and ids, and everywhere with [Options.Strict]). Integers never pass
// through a float64.
//
// Nothing decoded refers to the input: it may be reused as soon as [Decode]
// returns. Short strings are cut from shared chunks of 2 KiB, so a retained
// string keeps at most that much alive besides itself.
//
// Encoded values never contain a line break, so a message is always one line.
//
// A type takes part by having DecodeJSON and AppendJSON:
//
//	func (v *Point) DecodeJSON(d *wire.Decoder) {
//		*v = Point{}
//		var seen uint64
//		d.Object()
//		for key, ok := d.Key(); ok; key, ok = d.Key() {
//			switch string(key) {
//			case "x":
//				if d.Once(&seen, 0) {
//					v.X = d.Int()
//				}
//			default:
//				v.Unknown = d.Unknown(v.Unknown, key)
//			}
//		}
//		if seen&1 != 1 {
//			d.Missing(seen, "x")
//		}
//	}
//
// This is the only package of the module that imports a JSON library:
// [Marshal] and [Raw.Unmarshal] convert a user's own Go types with it.
package wire
