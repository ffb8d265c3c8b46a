package httpaccess

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// The types of what is sent.
const (
	TypeJSON   = "application/json"
	TypeStream = "text/event-stream"
)

// Accepted says which of the two types of answer a client takes.
type Accepted struct{ JSON, Stream bool }

// ParseAccept reads the Accept header (RFC 9110, 12.5.1): for each type the most specific range counts, and it is refused
// if its q is 0. No header is */*.
func ParseAccept(values []string) Accepted {
	if len(values) == 1 {
		switch values[0] {
		case TypeJSON + ", " + TypeStream, TypeStream + ", " + TypeJSON, "*/*":
			return Accepted{true, true}
		case TypeStream:
			return Accepted{Stream: true}
		}
	}
	var json, stream preference
	empty := true
	for _, value := range values {
		for value != "" {
			var part string
			part, value = cutUnquoted(value, ',')
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			empty = false
			media, q := mediaRange(part)
			json.consider(media, q, TypeJSON, "application/*")
			stream.consider(media, q, TypeStream, "text/*")
		}
	}
	if empty {
		return Accepted{true, true}
	}
	return Accepted{json.ok, stream.ok}
}

// preference is what the most specific range so far says of a type.
type preference struct {
	rank int // 0: none matched
	ok   bool
}

func (p *preference) consider(media string, q float64, exact, family string) {
	rank := 0
	switch {
	case strings.EqualFold(media, exact):
		rank = 3
	case strings.EqualFold(media, family):
		rank = 2
	case media == "*/*":
		rank = 1
	}
	if rank == 0 || rank < p.rank {
		return
	}
	p.ok = q > 0 || p.ok && rank == p.rank
	p.rank = rank
}

// mediaRange splits a range from its q, which is 1 unless there is a valid one. Other parameters do not matter here.
func mediaRange(part string) (media string, q float64) {
	media, params := cutUnquoted(part, ';')
	q = 1
	for params != "" {
		var param string
		param, params = cutUnquoted(params, ';')
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			if v, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && v >= 0 && v <= 1 {
				q = v
			}
			break
		}
	}
	return strings.TrimSpace(media), q
}

// cutUnquoted cuts s at the first sep outside of a quoted string.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case !quoted && s[i] == sep:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// IsJSON reports whether the Content-Type is application/json in UTF-8.
func IsJSON(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if values[0] == TypeJSON {
		return true
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil || media != TypeJSON {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// Value gives the value of a header field by its canonical name.
func Value(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// TooLong gives the first of the header fields, by their canonical names, whose values have more than so many bytes
// together; "" if none has.
func TooLong(h http.Header, most int, names ...string) string {
	for _, name := range names {
		n := 0
		for _, v := range h[name] {
			n += len(v)
		}
		if n > most {
			return name
		}
	}
	return ""
}
