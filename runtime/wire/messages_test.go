package wire

// Hand-written types of the shape that the generator emits, for benchmarks and
// for tests that need a whole message.

type message[P any, PP interface {
	*P
	Decodable
	Appender
}] struct {
	ID      ID
	Method  string
	Params  *P
	Result  *P
	Unknown Object
}

func (v *message[P, PP]) DecodeJSON(d *Decoder) {
	*v = message[P, PP]{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "jsonrpc":
			if d.Once(&seen, 0) {
				d.Const("2.0")
			}
		case "id":
			if d.Once(&seen, 1) {
				v.ID = d.ID()
			}
		case "method":
			if d.Once(&seen, 2) {
				v.Method = d.String()
			}
		case "params":
			if d.Once(&seen, 3) {
				v.Params = new(P)
				PP(v.Params).DecodeJSON(d)
			}
		case "result":
			if d.Once(&seen, 4) {
				v.Result = new(P)
				PP(v.Result).DecodeJSON(d)
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&1 != 1 {
		d.Missing(seen, "jsonrpc")
	}
}

func (v *message[P, PP]) AppendJSON(b []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0"`...)
	if !v.ID.IsZero() {
		b = append(b, `,"id":`...)
		b = v.ID.AppendJSON(b)
	}
	if v.Method != "" {
		b = append(b, `,"method":`...)
		b = AppendString(b, v.Method)
	}
	if v.Params != nil {
		b = append(b, `,"params":`...)
		b = PP(v.Params).AppendJSON(b)
	}
	if v.Result != nil {
		b = append(b, `,"result":`...)
		b = PP(v.Result).AppendJSON(b)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type implementation struct {
	Name, Title, Version string
	Unknown              Object
}

func (v *implementation) DecodeJSON(d *Decoder) {
	*v = implementation{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "name":
			if d.Once(&seen, 0) {
				v.Name = d.String()
			}
		case "version":
			if d.Once(&seen, 1) {
				v.Version = d.String()
			}
		case "title":
			if d.Once(&seen, 2) && !d.Null() {
				v.Title = d.String()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&3 != 3 {
		d.Missing(seen, "name", "version")
	}
}

func (v *implementation) AppendJSON(b []byte) []byte {
	b = append(b, `{"name":`...)
	b = AppendString(b, v.Name)
	b = append(b, `,"version":`...)
	b = AppendString(b, v.Version)
	if v.Title != "" {
		b = append(b, `,"title":`...)
		b = AppendString(b, v.Title)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type listChanged struct {
	ListChanged bool
	Subscribe   bool
	Unknown     Object
}

func (v *listChanged) DecodeJSON(d *Decoder) {
	*v = listChanged{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "listChanged":
			if d.Once(&seen, 0) && !d.Null() {
				v.ListChanged = d.Bool()
			}
		case "subscribe":
			if d.Once(&seen, 1) && !d.Null() {
				v.Subscribe = d.Bool()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
}

func (v *listChanged) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	if v.ListChanged {
		b = append(b, `"listChanged":true`...)
	}
	if v.Subscribe {
		b = AppendComma(b)
		b = append(b, `"subscribe":true`...)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type capabilities struct {
	Roots, Tools, Prompts, Resources, Sampling, Elicitation, Logging *listChanged
	Unknown                                                          Object
}

func (v *capabilities) DecodeJSON(d *Decoder) {
	*v = capabilities{}
	var seen uint64
	read := func(p **listChanged, bit uint) {
		if d.Once(&seen, bit) && !d.Null() {
			*p = new(listChanged)
			(*p).DecodeJSON(d)
		}
	}
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "roots":
			read(&v.Roots, 0)
		case "tools":
			read(&v.Tools, 1)
		case "prompts":
			read(&v.Prompts, 2)
		case "resources":
			read(&v.Resources, 3)
		case "sampling":
			read(&v.Sampling, 4)
		case "elicitation":
			read(&v.Elicitation, 5)
		case "logging":
			read(&v.Logging, 6)
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
}

func (v *capabilities) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for _, m := range [...]struct {
		name string
		v    *listChanged
	}{
		{`"roots":`, v.Roots}, {`"tools":`, v.Tools}, {`"prompts":`, v.Prompts}, {`"resources":`, v.Resources},
		{`"sampling":`, v.Sampling}, {`"elicitation":`, v.Elicitation}, {`"logging":`, v.Logging},
	} {
		if m.v != nil {
			b = AppendComma(b)
			b = append(b, m.name...)
			b = m.v.AppendJSON(b)
		}
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type initialize struct {
	ProtocolVersion string
	Capabilities    *capabilities
	Info            *implementation // clientInfo or serverInfo
	Server          bool
	Instructions    string
	Unknown         Object
}

func (v *initialize) DecodeJSON(d *Decoder) {
	*v = initialize{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "protocolVersion":
			if d.Once(&seen, 0) {
				v.ProtocolVersion = d.String()
			}
		case "capabilities":
			if d.Once(&seen, 1) {
				v.Capabilities = new(capabilities)
				v.Capabilities.DecodeJSON(d)
			}
		case "clientInfo", "serverInfo":
			v.Server = key[0] == 's'
			if d.Once(&seen, 2) {
				v.Info = new(implementation)
				v.Info.DecodeJSON(d)
			}
		case "instructions":
			if d.Once(&seen, 3) && !d.Null() {
				v.Instructions = d.String()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&7 != 7 {
		d.Missing(seen, "protocolVersion", "capabilities", "clientInfo")
	}
}

func (v *initialize) AppendJSON(b []byte) []byte {
	b = append(b, `{"protocolVersion":`...)
	b = AppendString(b, v.ProtocolVersion)
	b = append(b, `,"capabilities":`...)
	b = v.Capabilities.AppendJSON(b)
	if v.Server {
		b = append(b, `,"serverInfo":`...)
	} else {
		b = append(b, `,"clientInfo":`...)
	}
	b = v.Info.AppendJSON(b)
	if v.Instructions != "" {
		b = append(b, `,"instructions":`...)
		b = AppendString(b, v.Instructions)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type annotations struct {
	Title       string
	ReadOnly    *bool
	Destructive *bool
	Unknown     Object
}

func (v *annotations) DecodeJSON(d *Decoder) {
	*v = annotations{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "title":
			if d.Once(&seen, 0) && !d.Null() {
				v.Title = d.String()
			}
		case "readOnlyHint":
			if d.Once(&seen, 1) && !d.Null() {
				v.ReadOnly = new(d.Bool())
			}
		case "destructiveHint":
			if d.Once(&seen, 2) && !d.Null() {
				v.Destructive = new(d.Bool())
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
}

func (v *annotations) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	if v.Title != "" {
		b = append(b, `"title":`...)
		b = AppendString(b, v.Title)
	}
	if v.ReadOnly != nil {
		b = AppendComma(b)
		b = append(b, `"readOnlyHint":`...)
		b = AppendBool(b, *v.ReadOnly)
	}
	if v.Destructive != nil {
		b = AppendComma(b)
		b = append(b, `"destructiveHint":`...)
		b = AppendBool(b, *v.Destructive)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type tool struct {
	Name, Title, Description  string
	InputSchema, OutputSchema Raw
	Annotations               *annotations
	Meta                      Object
	Unknown                   Object
}

func (v *tool) DecodeJSON(d *Decoder) {
	*v = tool{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "name":
			if d.Once(&seen, 0) {
				v.Name = d.String()
			}
		case "inputSchema":
			if d.Once(&seen, 1) {
				v.InputSchema = d.RawObject()
			}
		case "outputSchema":
			if d.Once(&seen, 2) && !d.Null() {
				v.OutputSchema = d.RawObject()
			}
		case "title":
			if d.Once(&seen, 3) && !d.Null() {
				v.Title = d.String()
			}
		case "description":
			if d.Once(&seen, 4) && !d.Null() {
				v.Description = d.String()
			}
		case "annotations":
			if d.Once(&seen, 5) && !d.Null() {
				v.Annotations = new(annotations)
				v.Annotations.DecodeJSON(d)
			}
		case "_meta":
			if d.Once(&seen, 6) && !d.Null() {
				v.Meta = d.Members()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&3 != 3 {
		d.Missing(seen, "name", "inputSchema")
	}
}

func (v *tool) AppendJSON(b []byte) []byte {
	b = append(b, `{"name":`...)
	b = AppendString(b, v.Name)
	if v.Title != "" {
		b = append(b, `,"title":`...)
		b = AppendString(b, v.Title)
	}
	if v.Description != "" {
		b = append(b, `,"description":`...)
		b = AppendString(b, v.Description)
	}
	b = append(b, `,"inputSchema":`...)
	b = v.InputSchema.AppendJSON(b)
	if !v.OutputSchema.IsZero() {
		b = append(b, `,"outputSchema":`...)
		b = v.OutputSchema.AppendJSON(b)
	}
	if v.Annotations != nil {
		b = append(b, `,"annotations":`...)
		b = v.Annotations.AppendJSON(b)
	}
	if v.Meta != nil {
		b = append(b, `,"_meta":`...)
		b = v.Meta.AppendJSON(b)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type listTools struct {
	Tools      []*tool
	NextCursor string
	Unknown    Object
}

func (v *listTools) DecodeJSON(d *Decoder) {
	*v = listTools{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "tools":
			if d.Once(&seen, 0) {
				v.Tools = []*tool{}
				for d.Array(); d.Elem(); {
					e := new(tool)
					e.DecodeJSON(d)
					v.Tools = append(v.Tools, e)
				}
			}
		case "nextCursor":
			if d.Once(&seen, 1) && !d.Null() {
				v.NextCursor = d.String()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&1 != 1 {
		d.Missing(seen, "tools")
	}
}

func (v *listTools) AppendJSON(b []byte) []byte {
	b = append(b, `{"tools":[`...)
	for i, e := range v.Tools {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.AppendJSON(b)
	}
	b = append(b, ']')
	if v.NextCursor != "" {
		b = append(b, `,"nextCursor":`...)
		b = AppendString(b, v.NextCursor)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}
