package main

import (
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"
)

// codecFile gives the structs of a feature their encoders and decoders.
func (e *emitter) codecFile(feature string, types []*goType) error {
	f := e.file()
	n := 0
	for _, t := range types {
		if t.Kind == structType {
			e.decodeJSON(f, t)
			e.appendJSON(f, t)
			e.jsonMethods(f, t)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return e.add("codec_"+feature+".go", f)
}

func (e *emitter) jsonMethods(f *jen.File, t *goType) {
	f.Comment("// MarshalJSON is AppendJSON for encoding/json and its kin.")
	f.Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("MarshalJSON").Params().Params(jen.Index().Byte(), jen.Error()).Block(
		jen.Return(jen.Id("v").Dot("AppendJSON").Call(jen.Nil()), jen.Nil())).Line()
	f.Comment("// UnmarshalJSON is DecodeJSON for encoding/json and its kin, as strict as ever.")
	f.Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("UnmarshalJSON").Params(jen.Id("data").Index().Byte()).Error().Block(
		jen.Return(wireID("Decode").Call(jen.Id("data"), jen.Id("v")))).Line()
}

func (e *emitter) decodeJSON(f *jen.File, t *goType) {
	required := requiredOf(t)
	f.Comment("// DecodeJSON reads v from d.")
	f.Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("DecodeJSON").Params(jen.Id("d").Op("*").Add(wireID("Decoder"))).BlockFunc(func(g *jen.Group) {
		g.Op("*").Id("v").Op("=").Id(t.Name).Values()
		if len(t.Fields) > 0 {
			g.Var().Id("seen").Uint64()
		}
		g.Id("d").Dot("Object").Call()
		g.For(jen.List(jen.Id("key"), jen.Id("ok")).Op(":=").Id("d").Dot("Key").Call(), jen.Id("ok"),
			jen.List(jen.Id("key"), jen.Id("ok")).Op("=").Id("d").Dot("Key").Call()).Block(
			jen.Switch(jen.String().Call(jen.Id("key"))).BlockFunc(func(g *jen.Group) {
				for bit, fl := range bitOrder(t) {
					g.Case(jen.Lit(fl.JSON)).Block(e.decodeMember(fl, bit))
				}
				g.Default().Block(jen.Id("v").Dot(unknownField).Op("=").Id("d").Dot("Unknown").Call(jen.Id("v").Dot(unknownField), jen.Id("key")))
			}))
		if len(required) > 0 {
			mask := hexMask(len(required))
			names := []jen.Code{jen.Id("seen")}
			for _, name := range required {
				names = append(names, jen.Lit(name))
			}
			g.If(jen.Id("seen").Op("&").Id(mask).Op("!=").Id(mask)).Block(jen.Id("d").Dot("Missing").Call(names...))
		}
	}).Line()
}

// hexMask is the mask of the n lowest bits.
func hexMask(n int) string { return "0x" + strconv.FormatUint(1<<n-1, 16) }

// bitOrder lists the members with the required ones first: their bits are the lowest.
func bitOrder(t *goType) []*field {
	var first, then []*field
	for _, f := range t.Fields {
		if f.Required {
			first = append(first, f)
		} else {
			then = append(then, f)
		}
	}
	return append(first, then...)
}

// decodeMember reads one member, once. A null in an optional member is the member's absence.
func (e *emitter) decodeMember(f *field, bit int) jen.Code {
	once := jen.Id("d").Dot("Once").Call(jen.Op("&").Id("seen"), jen.Lit(bit))
	if !f.Required || f.Nullable {
		once = once.Op("&&").Op("!").Id("d").Dot("Null").Call()
	}
	return jen.If(once).BlockFunc(func(g *jen.Group) {
		dst := func() *jen.Statement { return jen.Id("v").Dot(f.Name) }
		switch {
		case f.Const != nil:
			g.Id("d").Dot(constMethod(f.Const)).Call(constLit(f.Const))
		case f.isPointer() && f.Type.Form == formNamed && f.Type.To.Kind == structType:
			g.Add(dst()).Op("=").New(typeCode(f.Type))
			g.Add(dst()).Dot("DecodeJSON").Call(jen.Id("d"))
		case f.isPointer():
			g.Add(dst()).Op("=").New(decodeExpr(f.Type))
		default:
			decodeInto(g, dst, f.Type)
		}
	})
}

func constLit(v any) *jen.Statement {
	if n, ok := v.(int64); ok {
		return jen.Lit(int(n)) // without a conversion
	}
	return jen.Lit(v)
}

func constMethod(v any) string {
	switch v.(type) {
	case bool:
		return "ConstBool"
	case int64:
		return "ConstInt"
	}
	return "Const"
}

// decodeExpr is an expression that reads a value, nil if it takes statements.
func decodeExpr(r *ref) *jen.Statement {
	method := map[form]string{
		formAny: "Raw", formObject: "RawObject", formMembers: "Members", formString: "String", formBool: "Bool",
		formInt: "Int", formFloat: "Float", formID: "ID", formBase64: "Base64",
	}[r.Form]
	switch {
	case method != "":
		return jen.Id("d").Dot(method).Call()
	case r.Form == formMap:
		return wireID("DecodeMap").Call(jen.Id("d"), decodeFunc(r.Elem))
	case r.Form == formEntries:
		return wireID("DecodeEntries").Call(jen.Id("d"), decodeFunc(r.Elem))
	case r.Form == formNamed && r.To.Kind == unionType:
		return jen.Id("decode" + r.To.Name).Call(jen.Id("d"))
	case r.Form == formNamed && r.To.Kind == enumType:
		return jen.Id(r.To.Name).Call(jen.Id("d").Dot("String").Call())
	}
	return nil
}

// decodeFunc is a func(*wire.Decoder) T.
func decodeFunc(r *ref) *jen.Statement {
	if r.Form == formNamed && r.To.Kind == unionType {
		return jen.Id("decode" + r.To.Name)
	}
	return jen.Func().Params(jen.Id("d").Op("*").Add(wireID("Decoder"))).Add(typeCode(r)).BlockFunc(func(g *jen.Group) {
		if x := decodeExpr(r); x != nil {
			g.Return(x)
			return
		}
		decodeVar(g, "v", r)
		g.Return(jen.Id("v"))
	})
}

// decodeVar declares a variable and reads a value into it.
func decodeVar(g *jen.Group, name string, r *ref) {
	dst := func() *jen.Statement { return jen.Id(name) }
	if r.Form == formSlice {
		g.Add(dst()).Op(":=").Add(typeCode(r)).Values()
		decodeElements(g, dst, r.Elem)
		return
	}
	g.Var().Add(dst()).Add(typeCode(r))
	decodeInto(g, dst, r)
}

// decodeInto reads a value into dst.
func decodeInto(g *jen.Group, dst func() *jen.Statement, r *ref) {
	if x := decodeExpr(r); x != nil {
		g.Add(dst()).Op("=").Add(x)
		return
	}
	switch r.Form {
	case formSlice:
		decodeList(g, dst, r)
	case formOneOrMany:
		g.If(jen.Id("d").Dot("Kind").Call().Op("==").Add(wireID("KindArray"))).BlockFunc(func(g *jen.Group) {
			decodeList(g, dst, r)
		}).Else().BlockFunc(func(g *jen.Group) {
			if x := decodeExpr(r.Elem); x != nil {
				g.Add(dst()).Op("=").Add(typeCode(r)).Values(x)
				return
			}
			g.Add(dst()).Op("=").Make(typeCode(r), jen.Lit(1))
			decodeInto(g, func() *jen.Statement { return dst().Index(jen.Lit(0)) }, r.Elem)
		})
	default:
		g.Add(dst()).Dot("DecodeJSON").Call(jen.Id("d"))
	}
}

func decodeList(g *jen.Group, dst func() *jen.Statement, r *ref) {
	if decodeExpr(r.Elem) != nil {
		// most lists of strings and branches are short: one allocation instead of three
		g.Add(dst()).Op("=").Make(typeCode(r), jen.Lit(0), jen.Lit(4))
	} else {
		g.Add(dst()).Op("=").Add(typeCode(r)).Values()
	}
	decodeElements(g, dst, r.Elem)
}

// decodeElements appends the elements of an array to dst.
func decodeElements(g *jen.Group, dst func() *jen.Statement, elem *ref) {
	g.For(jen.Id("d").Dot("Array").Call(), jen.Id("d").Dot("Elem").Call(), jen.Empty()).BlockFunc(func(g *jen.Group) {
		switch x := decodeExpr(elem); {
		case x != nil:
			g.Add(dst()).Op("=").Append(dst(), x)
		case elem.Form == formNamed:
			g.Add(dst()).Op("=").Append(dst(), typeCode(elem).Values())
			g.Add(dst()).Index(jen.Len(dst()).Op("-").Lit(1)).Dot("DecodeJSON").Call(jen.Id("d"))
		default:
			name := "elem" + level(elem.Elem)
			decodeVar(g, name, elem)
			g.Add(dst()).Op("=").Append(dst(), jen.Id(name))
		}
	})
}

// level numbers the variables of loops within loops, the innermost first: "", "2", "3".
func level(r *ref) string {
	n := 1
	for ; r != nil; r = r.Elem {
		if r.Form == formSlice || r.Form == formOneOrMany || r.Form == formMap || r.Form == formEntries {
			n++
		}
	}
	if n == 1 {
		return ""
	}
	return strconv.Itoa(n)
}

func (e *emitter) appendJSON(f *jen.File, t *goType) {
	f.Comment("// AppendJSON appends v to b. A nil v is null.")
	f.Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("AppendJSON").Params(jen.Id("b").Index().Byte()).Index().Byte().BlockFunc(func(g *jen.Group) {
		g.If(jen.Id("v").Op("==").Nil()).Block(jen.Return(appendLit("null")))
		open, some := "{", false
		for _, fl := range t.Fields {
			key := constJSON(fl.JSON) + ":"
			if some {
				key = "," + key
			}
			switch {
			case fl.Const != nil:
				open += key + constJSON(fl.Const)
				some = true
			case fl.Required:
				g.Id("b").Op("=").Add(appendLit(open + key))
				open, some = "", true
				if fl.Nullable {
					g.If(present(fl)).BlockFunc(func(g *jen.Group) { appendValue(g, deref(fl), fl.Type) }).
						Else().Block(jen.Id("b").Op("=").Add(appendLit("null")))
					continue
				}
				appendValue(g, func() *jen.Statement { return jen.Id("v").Dot(fl.Name) }, fl.Type)
			default:
				if open != "" {
					g.Id("b").Op("=").Add(appendLit(open))
					open = ""
				}
				g.If(present(fl)).BlockFunc(func(g *jen.Group) {
					if !some {
						g.Id("b").Op("=").Add(wireID("AppendComma").Call(jen.Id("b")))
					}
					if fl.Type.Form == formBool && !fl.isPointer() {
						g.Id("b").Op("=").Add(appendLit(key + "true"))
						return
					}
					g.Id("b").Op("=").Add(appendLit(key))
					appendValue(g, deref(fl), fl.Type)
				})
			}
		}
		if open != "" {
			g.Id("b").Op("=").Add(appendLit(open))
		}
		g.Id("b").Op("=").Add(wireID("AppendMembers").Call(jen.Id("b"), jen.Id("v").Dot(unknownField)))
		g.Return(jen.Append(jen.Id("b"), jen.LitRune('}')))
	}).Line()
}

// appendLit appends constant text to b.
func appendLit(text string) *jen.Statement {
	if len(text) == 1 {
		return jen.Append(jen.Id("b"), jen.LitRune(rune(text[0])))
	}
	quoted := jen.Lit(text)
	if strings.Contains(text, `"`) && strconv.CanBackquote(text) {
		quoted = jen.Id("`" + text + "`")
	}
	return jen.Append(jen.Id("b"), quoted.Op("..."))
}

func constJSON(v any) string {
	return strings.TrimSuffix(string(canonical(v)), "\n")
}

// deref is the value of a field, behind its pointer where a method would not look there itself.
func deref(f *field) func() *jen.Statement {
	return func() *jen.Statement {
		if f.isPointer() && (f.Type.Form != formNamed || f.Type.To.Kind != structType) {
			return jen.Op("*").Id("v").Dot(f.Name)
		}
		return jen.Id("v").Dot(f.Name)
	}
}

// present is the condition under which an optional member is written.
func present(f *field) *jen.Statement {
	src := jen.Id("v").Dot(f.Name)
	switch {
	case f.isPointer():
		return src.Op("!=").Nil()
	case f.Type.Form == formAny, f.Type.Form == formObject, f.Type.Form == formID:
		return jen.Op("!").Add(src).Dot("IsZero").Call()
	case f.Type.Form == formString, f.Type.Form == formBase64, f.Type.Form == formNamed && f.Type.To.Kind == enumType:
		return src.Op("!=").Lit("")
	case f.Type.Form == formBool:
		return src
	}
	return src.Op("!=").Nil()
}

// absent is the condition under which it is not.
func absent(f *field) *jen.Statement {
	src := jen.Id("v").Dot(f.Name)
	switch {
	case f.isPointer():
		return src.Op("==").Nil()
	case f.Type.Form == formAny, f.Type.Form == formObject, f.Type.Form == formID:
		return src.Dot("IsZero").Call()
	case f.Type.Form == formString, f.Type.Form == formBase64, f.Type.Form == formNamed && f.Type.To.Kind == enumType:
		return src.Op("==").Lit("")
	case f.Type.Form == formBool:
		return jen.Op("!").Add(src)
	}
	return src.Op("==").Nil()
}

// appendValue appends a value.
func appendValue(g *jen.Group, src func() *jen.Statement, r *ref) {
	switch r.Form {
	case formSlice:
		appendList(g, src, r)
	case formOneOrMany:
		g.If(jen.Len(src()).Op("==").Lit(1)).BlockFunc(func(g *jen.Group) {
			appendValue(g, func() *jen.Statement { return src().Index(jen.Lit(0)) }, r.Elem)
		}).Else().BlockFunc(func(g *jen.Group) { appendList(g, src, r) })
	default:
		g.Id("b").Op("=").Add(appendExpr(src, r))
	}
}

func appendExpr(src func() *jen.Statement, r *ref) *jen.Statement {
	call := func(name string, arg *jen.Statement) *jen.Statement {
		return wireID(name).Call(jen.Id("b"), arg)
	}
	switch r.Form {
	case formString:
		return call("AppendString", src())
	case formBase64:
		return call("AppendBase64", src())
	case formBool:
		return call("AppendBool", src())
	case formInt:
		return call("AppendInt", src())
	case formFloat:
		return call("AppendFloat", src())
	case formMap:
		if r.Elem.Form == formString {
			return call("AppendStringMap", src())
		}
		return wireID("AppendMap").Call(jen.Id("b"), src(), appendFunc(r.Elem))
	case formEntries:
		return wireID("AppendEntries").Call(jen.Id("b"), src(), appendFunc(r.Elem))
	case formNamed:
		switch r.To.Kind {
		case unionType:
			return jen.Id("append"+r.To.Name).Call(jen.Id("b"), src())
		case enumType:
			return call("AppendString", jen.String().Call(src()))
		}
	}
	return src().Dot("AppendJSON").Call(jen.Id("b"))
}

// appendFunc is a func([]byte, T) []byte.
func appendFunc(r *ref) *jen.Statement {
	if r.Form == formNamed && r.To.Kind == unionType {
		return jen.Id("append" + r.To.Name)
	}
	return jen.Func().Params(jen.Id("b").Index().Byte(), jen.Id("v").Add(typeCode(r))).Index().Byte().BlockFunc(func(g *jen.Group) {
		src := func() *jen.Statement { return jen.Id("v") }
		if r.Form != formSlice && r.Form != formOneOrMany {
			g.Return(appendExpr(src, r))
			return
		}
		appendValue(g, src, r)
		g.Return(jen.Id("b"))
	})
}

func appendList(g *jen.Group, src func() *jen.Statement, r *ref) {
	g.Id("b").Op("=").Add(appendLit("["))
	i := "i" + level(r.Elem)
	g.For(jen.Id(i).Op(":=").Range().Add(src())).BlockFunc(func(g *jen.Group) {
		g.If(jen.Id(i).Op(">").Lit(0)).Block(jen.Id("b").Op("=").Add(appendLit(",")))
		appendValue(g, func() *jen.Statement { return src().Index(jen.Id(i)) }, r.Elem)
	})
	g.Id("b").Op("=").Add(appendLit("]"))
}
