package coap

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
)

// An answer is what a device said of a resource: a representation, or why there
// is none.
type answer struct {
	at        time.Time
	payload   []byte
	media     message.MediaType
	saysMedia bool
	refusal   error
	maxAge    time.Duration // how long it is fresh
	partial   bool          // the payload is but the first block
}

// defaultMaxAge is RFC 7252's, section 5.10.5.
const defaultMaxAge = time.Minute

// newAnswer takes over a message, of which it keeps nothing.
func newAnswer(m *pool.Message, at time.Time) answer {
	a := answer{at: at, maxAge: defaultMaxAge, partial: m.HasOption(partial)}
	if age, err := m.GetOptionUint32(message.MaxAge); err == nil {
		a.maxAge = time.Duration(age) * time.Second
	}
	body, err := m.ReadBody()
	if err != nil {
		a.refusal = fmt.Errorf("take the payload: %w", err)
		return a
	}
	a.payload = bytes.Clone(body)
	if media, err := m.ContentFormat(); err == nil {
		a.media, a.saysMedia = media, true
	}
	if m.Code() != codes.Content {
		a.refusal = &refusal{code: m.Code(), says: diagnosis(a.payload)}
	}
	return a
}

// A refusal is a response that is none of success, RFC 7252 section 5.9.
type refusal struct {
	code codes.Code
	says string // the device's own words
}

// Error gives the code, its name, and what the device says: "4.04 NotFound".
func (r *refusal) Error() string {
	text := fmt.Sprintf("%d.%02d %v", r.code>>5, r.code&0x1F, r.code)
	if r.says == "" {
		return text
	}
	return text + ": " + r.says
}

// refused tells whether a response is one of success, and what it is else.
func refused(m *pool.Message) error {
	const success = 2 // the class of 2.01, 2.04 and others
	if m.Code()>>5 == success {
		return nil
	}
	body, err := m.ReadBody()
	if err != nil {
		body = nil // the code tells enough
	}
	return &refusal{code: m.Code(), says: diagnosis(body)}
}

// diagnosis returns the beginning of a diagnostic payload on one line, RFC 7252
// section 5.5.2.
func diagnosis(payload []byte) string {
	const most = 128 // bytes
	text := strings.ToValidUTF8(string(payload[:min(len(payload), most)]), "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
}
