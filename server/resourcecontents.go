package server

import (
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const (
	mimeText   = "text/plain"
	mimeJSON   = "application/json"
	mimeBinary = "application/octet-stream"
)

// checkContents makes sure that contents can be made of an Out, and gives them a MIME type if they have none and it is
// known.
func checkContents[Out any](mime *string) error {
	standard := ""
	switch any((*Out)(nil)).(type) {
	case *string:
		standard = mimeText
	case *[]byte, **mcp.ReadResourceResult, *[]mcp.ResourceContents, *mcp.ResourceContents, **mcp.TextResourceContents,
		**mcp.BlobResourceContents, **mcp.UnknownResourceContents:
	default:
		t := reflect.TypeFor[Out]()
		if t.Kind() == reflect.Interface {
			break
		}
		if t != rawType {
			if _, err := wire.Marshal(reflect.Zero(t).Interface()); err != nil {
				return fmt.Errorf("%s cannot be encoded: %w", t, err)
			}
		}
		standard = mimeJSON
	}
	if *mime == "" {
		*mime = standard
	}
	return nil
}

// contentsOf makes the contents of the resource at uri of what its handler returned.
func contentsOf(uri, mime string, out any) (*mcp.ReadResourceResult, error) {
	var contents []mcp.ResourceContents
	switch v := out.(type) {
	case nil:
		return &mcp.ReadResourceResult{}, nil
	case string:
		contents = []mcp.ResourceContents{textOrBlob(uri, mime, v)}
	case []byte:
		contents = []mcp.ResourceContents{&mcp.BlobResourceContents{URI: uri, MIMEType: mime, Blob: wire.EncodeBase64(v)}}
	case *mcp.ReadResourceResult:
		if v == nil {
			return &mcp.ReadResourceResult{}, nil
		}
		whole := *v
		whole.Contents = completed(uri, mime, v.Contents)
		return &whole, nil
	case []mcp.ResourceContents:
		contents = completed(uri, mime, v)
	case mcp.ResourceContents:
		contents = completed(uri, mime, []mcp.ResourceContents{v})
	default:
		encoded, err := wire.Marshal(out)
		if err != nil {
			return nil, fmt.Errorf("the contents of %s cannot be encoded: %w", uri, err)
		}
		if mime == "" {
			mime = mimeJSON
		}
		contents = []mcp.ResourceContents{&mcp.TextResourceContents{URI: uri, MIMEType: mime, Text: encoded.String()}}
	}
	return &mcp.ReadResourceResult{Contents: contents}, nil
}

// textOrBlob keeps every byte: what is no UTF-8 cannot be JSON text.
func textOrBlob(uri, mime, text string) mcp.ResourceContents {
	if utf8.ValidString(text) {
		if mime == "" {
			mime = mimeText
		}
		return &mcp.TextResourceContents{URI: uri, MIMEType: mime, Text: text}
	}
	return &mcp.BlobResourceContents{URI: uri, MIMEType: mime, Blob: wire.EncodeBase64([]byte(text))}
}

// completed gives contents with what they lack. The handler may have kept them, so that they are not changed.
func completed(uri, mime string, contents []mcp.ResourceContents) []mcp.ResourceContents {
	full := make([]mcp.ResourceContents, len(contents))
	for i, c := range contents {
		switch v := c.(type) {
		case *mcp.TextResourceContents:
			if v != nil && (v.URI == "" || v.MIMEType == "") {
				v = new(*v)
				orElse(&v.URI, uri)
				orElse(&v.MIMEType, mime)
				c = v
			}
		case *mcp.BlobResourceContents:
			if v != nil && (v.URI == "" || v.MIMEType == "") {
				v = new(*v)
				orElse(&v.URI, uri)
				orElse(&v.MIMEType, mime)
				c = v
			}
		}
		full[i] = c
	}
	return full
}

func orElse(s *string, standard string) {
	if *s == "" {
		*s = standard
	}
}

// sizeOf gives the size of contents in bytes; nil if it is not known.
func sizeOf(c mcp.ResourceContents) *int64 {
	switch v := c.(type) {
	case *mcp.TextResourceContents:
		return new(int64(len(v.Text)))
	case *mcp.BlobResourceContents:
		if b, err := v.Blob.Bytes(); err == nil {
			return new(int64(len(b)))
		}
	}
	return nil
}
