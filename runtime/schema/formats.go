package schema

import (
	"bytes"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// format is a form that strings may be asked to have.
type format struct {
	name string
	fits func(text []byte) bool
}

// formats are those that are built in. One that is in neither list is nobody's, and an annotation.
var formats = map[string]*format{
	"date-time":     {"date-time", isDateTime},
	"date":          {"date", isDate},
	"time":          {"time", isTime},
	"email":         {"email", isEmail},
	"hostname":      {"hostname", isHostname},
	"ipv4":          {"ipv4", isIPv4},
	"ipv6":          {"ipv6", isIPv6},
	"uri":           {"uri", isURI},
	"iri":           {"iri", isURI},
	"uri-reference": {"uri-reference", isURIReference},
	"iri-reference": {"iri-reference", isURIReference},
	"uuid":          {"uuid", isUUID},
	"regex":         {"regex", isRegex},
}

// unknownFormats are those that only package fullschema knows.
var unknownFormats = map[string]bool{
	"json-pointer": true, "relative-json-pointer": true, "duration": true, "period": true, "uri-template": true, "semver": true,
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

func two(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }

// isDate: RFC 3339, full-date.
func isDate(b []byte) bool {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' || !isDigits(b[:4]) || !isDigits(b[5:7]) || !isDigits(b[8:]) {
		return false
	}
	year, month, day := two(b)*100+two(b[2:]), two(b[5:]), two(b[8:])
	days := 31
	switch month {
	case 4, 6, 9, 11:
		days = 30
	case 2:
		days = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			days = 29
		}
	}
	return month >= 1 && month <= 12 && day >= 1 && day <= days
}

// isTime: RFC 3339, full-time. A leap second is one before midnight in UTC.
func isTime(b []byte) bool {
	if len(b) < 9 || b[2] != ':' || b[5] != ':' || !isDigits(b[:2]) || !isDigits(b[3:5]) || !isDigits(b[6:8]) {
		return false
	}
	hour, minute, second := two(b), two(b[3:]), two(b[6:])
	if hour > 23 || minute > 59 || second > 60 {
		return false
	}
	b = b[8:]
	if b[0] == '.' {
		n := 1
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		if n == 1 {
			return false
		}
		b = b[n:]
	}
	at := hour*60 + minute
	switch {
	case len(b) == 1 && (b[0] == 'Z' || b[0] == 'z'):
	case len(b) == 6 && (b[0] == '+' || b[0] == '-') && b[3] == ':' && isDigits(b[1:3]) && isDigits(b[4:]):
		h, m := two(b[1:]), two(b[4:])
		if h > 23 || m > 59 {
			return false
		}
		if b[0] == '+' {
			at -= h*60 + m
		} else {
			at += h*60 + m
		}
	default:
		return false
	}
	const day = 24 * 60
	return second < 60 || (at+day)%day == day-1
}

// isDateTime: RFC 3339, date-time.
func isDateTime(b []byte) bool {
	return len(b) > 10 && (b[10] == 'T' || b[10] == 't') && isDate(b[:10]) && isTime(b[11:])
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isHostname: RFC 1123, section 2.1; a dot at the end is allowed.
func isHostname(b []byte) bool {
	b = bytes.TrimSuffix(b, []byte("."))
	if len(b) > 253 {
		return false
	}
	for {
		label, rest, more := bytes.Cut(b, []byte("."))
		if len(label) < 1 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if !isAlnum(c) && c != '-' {
				return false
			}
		}
		if !more {
			return true
		}
		b = rest
	}
}

// isEmail: RFC 5321, Mailbox, of which the local part is ASCII.
func isEmail(b []byte) bool {
	at := bytes.LastIndexByte(b, '@')
	if at < 0 || at > 64 || len(b) > 254 {
		return false
	}
	local, domain := b[:at], b[at+1:]
	if len(local) > 1 && local[0] == '"' && local[len(local)-1] == '"' {
		if bytes.ContainsAny(local[1:len(local)-1], `\"`) {
			return false
		}
	} else {
		if bytes.HasPrefix(local, []byte(".")) || bytes.HasSuffix(local, []byte(".")) || bytes.Contains(local, []byte("..")) {
			return false
		}
		for _, c := range local {
			if !isAlnum(c) && strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) < 0 {
				return false
			}
		}
	}
	if n := len(domain); n > 1 && domain[0] == '[' && domain[n-1] == ']' {
		address := domain[1 : n-1]
		if v6, ok := bytes.CutPrefix(address, []byte("IPv6:")); ok {
			return isIPv6(v6)
		}
		return isIPv4(address)
	}
	return isHostname(domain)
}

// isIPv4: RFC 2673, section 3.2: four decimal numbers without leading zeros.
func isIPv4(b []byte) bool {
	for i := range 4 {
		part, rest, more := bytes.Cut(b, []byte("."))
		if more != (i < 3) || !isDigits(part) || len(part) > 3 || len(part) > 1 && part[0] == '0' {
			return false
		}
		n := 0
		for _, c := range part {
			n = n*10 + int(c-'0')
		}
		if n > 255 {
			return false
		}
		b = rest
	}
	return true
}

// isIPv6: RFC 4291, section 2.2, without a zone.
func isIPv6(b []byte) bool {
	if bytes.IndexByte(b, ':') < 0 {
		return false
	}
	a, err := netip.ParseAddr(string(b))
	return err == nil && a.Zone() == ""
}

// parseURL reads a URL as package net/url does, and an IPv6 address in it strictly.
func parseURL(b []byte) *url.URL {
	u, err := url.Parse(string(b))
	if err != nil {
		return nil
	}
	if host := u.Hostname(); strings.Contains(host, ":") {
		if !strings.Contains(u.Host, "[") || !strings.Contains(u.Host, "]") || !isIPv6([]byte(host)) {
			return nil
		}
	}
	return u
}

// isURI: RFC 3986, an absolute one.
func isURI(b []byte) bool {
	u := parseURL(b)
	return u != nil && u.IsAbs()
}

func isURIReference(b []byte) bool {
	return bytes.IndexByte(b, '\\') < 0 && parseURL(b) != nil
}

// isUUID: RFC 4122, section 3.
func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return false
			}
		}
	}
	return true
}

func isRegex(b []byte) bool {
	_, err := regexp.Compile(string(b))
	return err == nil
}
