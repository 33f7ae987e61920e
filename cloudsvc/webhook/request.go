package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of the Standard Webhooks specification, as net/http writes them.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// headerRedriven marks a message that comes behind later ones, as somebody has it
// sent again.
const headerRedriven = "Datastub-Redriven"

// A Request is one message for one receiver.
type Request struct {
	URL         string
	ID          string // the same for every try, without a dot
	ContentType string
	Body        []byte
	Keys        []Key // one; two while they are exchanged, and a receiver needs but one of them
	Redriven    bool  // it is out of its order
}

// Sign returns the headers that prove who sent a body, and when. Each key makes
// one signature of
//
//	<id> . <seconds since 1970> . <body>
func Sign(keys []Key, id string, at time.Time, body []byte) http.Header {
	seconds := strconv.FormatInt(at.Unix(), 10)
	signed := make([]byte, 0, len(id)+len(seconds)+len(body)+2)
	signed = append(append(signed, id...), '.')
	signed = append(append(signed, seconds...), '.')
	signed = append(signed, body...)
	signatures := make([]string, len(keys))
	for i, k := range keys {
		signatures[i] = k.sign(signed)
	}
	h := make(http.Header)
	h.Set(headerID, id)
	h.Set(headerTimestamp, seconds)
	h.Set(headerSignature, strings.Join(signatures, " "))
	return h
}
