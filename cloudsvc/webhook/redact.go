package webhook

import (
	"bytes"
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// Redact returns of a URL what may be told: scheme and host. User, path and
// query are often what a receiver lets in by.
func Redact(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "…"
	}
	shown := u.Scheme + "://" + u.Host
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		shown += "/…"
	}
	return shown
}

// minHidden is how long a part of a URL is, in bytes, that is looked for in what
// a receiver says: shorter ones are in any text.
const minHidden = 6

// hidden returns the parts of a URL that Redact leaves out, the longest first.
// Receivers say what they were asked for, whole or in parts, as it came or
// decoded.
func hidden(u *url.URL) (parts [][]byte) {
	texts := []string{u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery}
	texts = append(texts, strings.Split(u.EscapedPath(), "/")...)
	texts = append(texts, strings.Split(u.Path, "/")...)
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		decoded, _ := url.QueryUnescape(value) // "" is too short
		texts = append(texts, pair, value, decoded)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, text := range texts {
		if len(text) >= minHidden {
			parts = append(parts, []byte(text))
		}
	}
	return parts
}

// hide returns the first bytes of a text, without the hidden parts of a URL that
// begin in them.
func hide(text []byte, u *url.URL, most int) []byte {
	parts := hidden(u)
	shown := make([]byte, 0, min(len(text), most))
	for at := 0; at < min(len(text), most); {
		i := slices.IndexFunc(parts, func(part []byte) bool { return bytes.HasPrefix(text[at:], part) })
		if i < 0 {
			shown = append(shown, text[at])
			at++
			continue
		}
		shown = append(shown, "…"...)
		at += len(parts[i])
	}
	return shown
}
