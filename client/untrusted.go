package client

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// imageTypes are the types that an icon may have. SVG can hold programs: it is left out.
var imageTypes = []string{"image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif", "image/avif"}

// maxIconData is how long an icon within its own URI may be, in characters.
const maxIconData = 1 << 20

// SafeIcons gives those of a server's icons that [CheckIcon] has nothing against, in order.
func SafeIcons(icons []mcp.Icon) []mcp.Icon {
	return slices.DeleteFunc(slices.Clone(icons), func(icon mcp.Icon) bool { return CheckIcon(icon) != nil })
}

// CheckIcon tells why an icon of a server must not be fetched or shown (specification 2025-11-25, basic, "icons"): its
// source must be an https URL without user and password, or a data URI of at most 1 MiB with an image in base64; and its
// type, as far as it is given, one of PNG, JPEG, WebP, GIF and AVIF. SVG, which can hold programs, is refused. Whoever
// fetches it must send no credentials, follow no redirect to another origin, and look at the bytes before believing the
// type.
func CheckIcon(icon mcp.Icon) error {
	if t := icon.MIMEType; t != "" && !isImage(t) {
		return fmt.Errorf("the icon's type %q is not one of %s", clip(t), strings.Join(imageTypes, ", "))
	}
	scheme, rest, _ := strings.Cut(icon.Src, ":")
	switch strings.ToLower(scheme) {
	case "https":
		return checkURL(icon.Src, "https")
	case "data":
		return checkImageData(rest)
	}
	return fmt.Errorf("the icon %q is neither an https URL nor a data URI", clip(icon.Src))
}

func isImage(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	return slices.Contains(imageTypes, strings.ToLower(strings.TrimSpace(media)))
}

// checkImageData checks what follows "data:".
func checkImageData(rest string) error {
	if len(rest) > maxIconData {
		return fmt.Errorf("the icon has %d characters of data, the limit is %d", len(rest), maxIconData)
	}
	head, data, found := strings.Cut(rest, ",")
	media, coded := strings.CutSuffix(strings.ToLower(head), ";base64")
	switch {
	case !found || !coded:
		return fmt.Errorf("the icon %q has no data in base64", clip("data:"+rest))
	case !isImage(media):
		return fmt.Errorf("the icon has data of the type %q, expected one of %s", clip(media), strings.Join(imageTypes, ", "))
	}
	if _, err := base64.StdEncoding.DecodeString(data); err != nil {
		return fmt.Errorf("the icon's data: %w", err)
	}
	return nil
}

// CheckLink tells why a URI that came from a server (a website, a resource link) must not be opened in a browser: its
// scheme must be https or http, and it must name a host and neither user nor password. Schemes such as javascript, data,
// file and those of applications are refused.
func CheckLink(uri string) error { return checkURL(uri, "https", "http") }

func checkURL(uri string, schemes ...string) error {
	for _, r := range uri {
		if r <= ' ' || r == 0x7f || r == '\\' {
			return fmt.Errorf("the URL %q has a character that does not belong there", clip(uri))
		}
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return fmt.Errorf("the URL %q cannot be read", clip(uri))
	case !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("the scheme of %q is not one of %s", clip(uri), strings.Join(schemes, ", "))
	case u.Hostname() == "" || u.User != nil:
		return fmt.Errorf("the URL %q must name a host, and neither user nor password", clip(uri))
	}
	return nil
}
