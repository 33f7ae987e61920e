package cloudsvc

import (
	"strings"

	"datastub/cloudsvc/webhook"
)

// A letter is one line, a batch of them, or a window, on its way to the receiver of a Hook.
type letter struct {
	id     string // the message's, the batch's or the window's
	key    string // letters of one key are delivered in order
	body   []byte // that of a line is shared with others
	at     Position
	tries  webhook.Tries
	bound  bool // it has bounds that are to be stored before it is tried
	flying bool // it is being tried
	done   bool
}

// newLetter makes a letter of one line.
func newLetter(line *hookLine) *letter {
	m := &line.message
	// No topic or name holds a NUL.
	key := strings.Join([]string{m.Namespace, m.Topic, m.Device}, "\x00")
	return &letter{id: m.ID.String(), key: key, body: line.text, at: line.at}
}

// webhookID returns a message's id as the header webhook-id has it. Dots stand
// between the parts of what is signed, so none may be in it, nor anything that
// does not belong in a header: these bytes are percent-encoded.
func webhookID(id string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f || c == '.' || c == '%' {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
