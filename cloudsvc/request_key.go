package cloudsvc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"datastub/dataplane/rest"
)

// keyHeader names a request to publish, so that it may be sent again: see
// draft-ietf-httpapi-idempotency-key-header.
const keyHeader = "Idempotency-Key"

// maxKey is the longest key, in bytes.
const maxKey = 255

// ErrKeyReused says that a key was given before, with something else.
var ErrKeyReused = errors.New("the Idempotency-Key came with another body less than 24 h ago: give this one a key of its own, or send that one again")

// A RequestKey tells one request to publish from others: two with the same
// Request and Body are one that was sent twice.
type RequestKey struct {
	Request [16]byte // a hash of who asks and the key given
	Body    [16]byte // a hash of the body
}

// keyOf reads the key of a request, and lets its body be hashed as it is read.
// body is nil where no key was given.
func keyOf(r *http.Request, who Identity) (id [16]byte, body hash.Hash, err error) {
	values := r.Header.Values(keyHeader)
	if len(values) == 0 {
		return id, nil, nil
	}
	key := strings.Trim(values[0], " ")
	if len(key) > 1 && key[0] == '"' && key[len(key)-1] == '"' { // as the draft has it, a text of RFC 9651
		key = key[1 : len(key)-1]
	}
	printable := func(c rune) bool { return c >= ' ' && c <= '~' }
	if len(values) > 1 {
		return id, nil, rest.Invalid(keyHeader, fmt.Errorf("%s is given %d times: want it once", keyHeader, len(values)))
	}
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return !printable(c) }) {
		return id, nil, rest.Invalid(keyHeader, fmt.Errorf("%s %.64q, of %d bytes: want 1 to %d printable ASCII characters", keyHeader, key, len(key), maxKey))
	}
	sum := sha256.Sum256([]byte(string(who) + "\x00" + key))
	body = sha256.New()
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r.Body, body), r.Body}
	return [16]byte(sum[:16]), body, nil
}
