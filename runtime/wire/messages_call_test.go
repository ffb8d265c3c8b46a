package wire

type callParams struct {
	Name      string
	Arguments Raw
	Meta      Object
	Unknown   Object
}

func (v *callParams) DecodeJSON(d *Decoder) {
	*v = callParams{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "name":
			if d.Once(&seen, 0) {
				v.Name = d.String()
			}
		case "arguments":
			if d.Once(&seen, 1) && !d.Null() {
				v.Arguments = d.RawObject()
			}
		case "_meta":
			if d.Once(&seen, 2) && !d.Null() {
				v.Meta = d.Members()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&1 != 1 {
		d.Missing(seen, "name")
	}
}

func (v *callParams) AppendJSON(b []byte) []byte {
	b = append(b, `{"name":`...)
	b = AppendString(b, v.Name)
	if !v.Arguments.IsZero() {
		b = append(b, `,"arguments":`...)
		b = v.Arguments.AppendJSON(b)
	}
	if v.Meta != nil {
		b = append(b, `,"_meta":`...)
		b = v.Meta.AppendJSON(b)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type content interface {
	Decodable
	Appender
}

type textContent struct {
	Text        string
	Annotations *annotations
	Unknown     Object
}

func (v *textContent) DecodeJSON(d *Decoder) {
	*v = textContent{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "type":
			if d.Once(&seen, 0) {
				d.Const("text")
			}
		case "text":
			if d.Once(&seen, 1) {
				v.Text = d.String()
			}
		case "annotations":
			if d.Once(&seen, 2) && !d.Null() {
				v.Annotations = new(annotations)
				v.Annotations.DecodeJSON(d)
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&3 != 3 {
		d.Missing(seen, "type", "text")
	}
}

func (v *textContent) AppendJSON(b []byte) []byte {
	b = append(b, `{"type":"text","text":`...)
	b = AppendString(b, v.Text)
	if v.Annotations != nil {
		b = append(b, `,"annotations":`...)
		b = v.Annotations.AppendJSON(b)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type imageContent struct {
	Data     Base64
	MIMEType string
	Unknown  Object
}

func (v *imageContent) DecodeJSON(d *Decoder) {
	*v = imageContent{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "type":
			if d.Once(&seen, 0) {
				d.Const("image")
			}
		case "data":
			if d.Once(&seen, 1) {
				v.Data = d.Base64()
			}
		case "mimeType":
			if d.Once(&seen, 2) {
				v.MIMEType = d.String()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&7 != 7 {
		d.Missing(seen, "type", "data", "mimeType")
	}
}

func (v *imageContent) AppendJSON(b []byte) []byte {
	b = append(b, `{"type":"image","data":`...)
	b = AppendString(b, string(v.Data))
	b = append(b, `,"mimeType":`...)
	b = AppendString(b, v.MIMEType)
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

func decodeContent(d *Decoder) content {
	kind, ok := d.PeekString("type")
	var v content
	switch {
	case ok && string(kind) == "text":
		v = new(textContent)
	case ok && string(kind) == "image":
		v = new(imageContent)
	default:
		v = new(Raw)
	}
	v.DecodeJSON(d)
	return v
}

type callResult struct {
	Content           []content
	StructuredContent Raw
	IsError           bool
	Unknown           Object
}

func (v *callResult) DecodeJSON(d *Decoder) {
	*v = callResult{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "content":
			if d.Once(&seen, 0) {
				v.Content = []content{}
				for d.Array(); d.Elem(); {
					v.Content = append(v.Content, decodeContent(d))
				}
			}
		case "structuredContent":
			if d.Once(&seen, 1) && !d.Null() {
				v.StructuredContent = d.RawObject()
			}
		case "isError":
			if d.Once(&seen, 2) && !d.Null() {
				v.IsError = d.Bool()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&1 != 1 {
		d.Missing(seen, "content")
	}
}

func (v *callResult) AppendJSON(b []byte) []byte {
	b = append(b, `{"content":[`...)
	for i, e := range v.Content {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.AppendJSON(b)
	}
	b = append(b, ']')
	if !v.StructuredContent.IsZero() {
		b = append(b, `,"structuredContent":`...)
		b = v.StructuredContent.AppendJSON(b)
	}
	if v.IsError {
		b = append(b, `,"isError":true`...)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type textResource struct {
	URI, MIMEType, Text string
	Unknown             Object
}

func (v *textResource) DecodeJSON(d *Decoder) {
	*v = textResource{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "uri":
			if d.Once(&seen, 0) {
				v.URI = d.String()
			}
		case "text":
			if d.Once(&seen, 1) {
				v.Text = d.String()
			}
		case "mimeType":
			if d.Once(&seen, 2) && !d.Null() {
				v.MIMEType = d.String()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&3 != 3 {
		d.Missing(seen, "uri", "text")
	}
}

func (v *textResource) AppendJSON(b []byte) []byte {
	b = append(b, `{"uri":`...)
	b = AppendString(b, v.URI)
	if v.MIMEType != "" {
		b = append(b, `,"mimeType":`...)
		b = AppendString(b, v.MIMEType)
	}
	b = append(b, `,"text":`...)
	b = AppendString(b, v.Text)
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type readResult struct {
	Contents []content
	Unknown  Object
}

func (v *readResult) DecodeJSON(d *Decoder) {
	*v = readResult{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "contents":
			if d.Once(&seen, 0) {
				v.Contents = []content{}
				for d.Array(); d.Elem(); {
					var e content = new(Raw)
					if d.PeekHas("text", "blob")&1 != 0 {
						e = new(textResource)
					}
					e.DecodeJSON(d)
					v.Contents = append(v.Contents, e)
				}
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&1 != 1 {
		d.Missing(seen, "contents")
	}
}

func (v *readResult) AppendJSON(b []byte) []byte {
	b = append(b, `{"contents":[`...)
	for i, e := range v.Contents {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.AppendJSON(b)
	}
	b = append(b, ']')
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

type progress struct {
	Token    ID
	Progress float64
	Total    *float64
	Message  string
	Unknown  Object
}

func (v *progress) DecodeJSON(d *Decoder) {
	*v = progress{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "progressToken":
			if d.Once(&seen, 0) {
				v.Token = d.ID()
			}
		case "progress":
			if d.Once(&seen, 1) {
				v.Progress = d.Float()
			}
		case "total":
			if d.Once(&seen, 2) && !d.Null() {
				v.Total = new(d.Float())
			}
		case "message":
			if d.Once(&seen, 3) && !d.Null() {
				v.Message = d.String()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&3 != 3 {
		d.Missing(seen, "progressToken", "progress")
	}
}

func (v *progress) AppendJSON(b []byte) []byte {
	b = append(b, `{"progressToken":`...)
	b = v.Token.AppendJSON(b)
	b = append(b, `,"progress":`...)
	b = AppendFloat(b, v.Progress)
	if v.Total != nil {
		b = append(b, `,"total":`...)
		b = AppendFloat(b, *v.Total)
	}
	if v.Message != "" {
		b = append(b, `,"message":`...)
		b = AppendString(b, v.Message)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}
