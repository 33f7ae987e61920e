package coap

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"

	"datastub/driver"
)

// A resource is what one request is for. Points of equal resources share it.
type resource struct {
	path   string // of decoded segments, parted by slashes
	query  string // of decoded parts, parted by ampersands
	accept message.MediaType
}

// anyFormat is the accept of who takes what there is.
const anyFormat message.MediaType = 0xFFFF // reserved: RFC 7252 section 12.3

// maxSegment is the most bytes of a Uri-Path or Uri-Query option, RFC 7252
// section 5.10.
const maxSegment = 255

// readResource reads the path and query of a resource.
func readResource(r *driver.Reader, accept message.MediaType) resource {
	const key, want = "path", `a path such as /sensors/temperature or /actors?name=pump, of parts of 255 bytes at most`
	text := r.String(key, "")
	if !r.Has(key) {
		r.Refuse(key, nil, want)
		return resource{}
	}
	path, query, _ := strings.Cut(text, "?")
	p, errPath := unescape(path, "/")
	q, errQuery := unescape(query, "&")
	if errPath != nil || errQuery != nil || strings.Contains(text, "#") {
		r.Refuse(key, text, want)
	}
	return resource{path: strings.Trim(p, "/"), query: q, accept: accept}
}

// unescape decodes percent-encoded parts, which must not become more by that.
func unescape(text, separator string) (string, error) {
	parts := strings.Split(text, separator)
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		if err != nil {
			return "", err
		}
		if len(decoded) > maxSegment || strings.Contains(decoded, separator) {
			return "", fmt.Errorf("%q is no part of a path", part)
		}
		parts[i] = decoded
	}
	return strings.Join(parts, separator), nil
}

// options returns the options of a request, beside the path.
func (r resource) options() message.Options {
	var options message.Options
	if r.query != "" {
		for part := range strings.SplitSeq(r.query, "&") {
			options = append(options, message.Option{ID: message.URIQuery, Value: []byte(part)})
		}
	}
	return options
}

// String returns the path and the query.
func (r resource) String() string {
	if r.query == "" {
		return "/" + r.path
	}
	return "/" + r.path + "?" + r.query
}
