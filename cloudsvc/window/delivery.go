package window

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxPart is about how large a delivery is: a window with more rows and covers is
// told in several, each with its number.
const maxPart = 192 << 10

// A Delivery is what is sent of a closed window of a publisher. The same window
// of the same Spec of the same subscription has the same ID and Body, whenever it
// is made.
type Delivery struct {
	ID        string
	Publisher string
	Body      []byte // JSON
}

// body is a Delivery as JSON.
type body struct {
	ID           string    `json:"id"`
	Subscription string    `json:"subscription"`
	Publisher    string    `json:"publisher"`
	Node         string    `json:"node"`
	Window       period    `json:"window"`
	Part         int       `json:"part"` // from 1
	Parts        int       `json:"parts"`
	Late         uint64    `json:"late"`    // messages whose windows were all closed, since the last delivery
	Untimed      uint64    `json:"untimed"` // messages whose time is too far ahead for any window, likewise
	Rows         []row     `json:"rows"`
	Covers       []covered `json:"covers"`
	Missing      []missing `json:"missing"`
	Unlisted     uint64    `json:"unlisted,omitempty"` // gaps that are not among Missing
}

// period is from a start to before an end.
type period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// deliveries returns what is sent of a window that ends at a time, and takes
// what the source has to tell.
func (r *Reducer) deliveries(s *source, w merged, end int64) ([]Delivery, error) {
	start := end - int64(r.spec.Size)
	node, _, _ := strings.Cut(s.publisher, "/")
	subscription, _, _ := strings.Cut(r.subject, "\x00")
	b := body{
		Subscription: subscription, Publisher: s.publisher, Node: node,
		Window: period{time.Unix(0, start).UTC(), time.Unix(0, end).UTC()},
		Late:   s.late, Untimed: s.untimed, Unlisted: s.unlisted + s.counted,
	}
	parts := b.split(r.rows(w), covers(w), r.missing(s, w))
	s.tell(r.at)
	id := r.id(s.publisher, start)
	made := make([]Delivery, len(parts))
	for i := range parts {
		p := &parts[i]
		p.Part, p.Parts = i+1, len(parts)
		p.ID = id + "-" + strconv.Itoa(p.Part)
		var text bytes.Buffer
		to := json.NewEncoder(&text)
		to.SetEscapeHTML(false) // no page shows it, and it would be larger than was counted
		if err := to.Encode(p); err != nil {
			return nil, fmt.Errorf("window %v of publisher %s: %w", p.Window.Start, s.publisher, err)
		}
		made[i] = Delivery{ID: p.ID, Publisher: s.publisher, Body: bytes.TrimSuffix(text.Bytes(), []byte("\n"))}
	}
	return made, nil
}

// id returns the id of a window, without the part.
func (r *Reducer) id(publisher string, start int64) string {
	text := binary.BigEndian.AppendUint64([]byte(r.subject+"\x00"+publisher+"\x00"), uint64(start))
	sum := sha256.Sum256(text)
	return "win_" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

// split returns as many bodies as are needed, of which the first one has what is
// told of the publisher.
func (b *body) split(rows []row, covers []covered, gaps []missing) []body {
	parts := []body{b.with()}
	room := maxPart
	part := func(size int) *body {
		if room < size {
			next := b.with()
			next.Late, next.Untimed, next.Unlisted = 0, 0, 0
			parts, room = append(parts, next), maxPart
		}
		room -= size
		return &parts[len(parts)-1]
	}
	for i := range rows {
		p := part(rows[i].size())
		p.Rows = append(p.Rows, rows[i])
	}
	for i := range covers {
		p := part(128 + len(covers[i].Namespace) + len(covers[i].Topic) + len(covers[i].Device))
		p.Covers = append(p.Covers, covers[i])
	}
	for i := range gaps {
		g := &gaps[i]
		p := part(192 + len(g.Publisher) + len(g.Namespace) + len(g.Topic) + len(g.Device) + len(g.Reason))
		p.Missing = append(p.Missing, *g)
	}
	return parts
}

// with returns a copy with nothing in its lists.
func (b *body) with() body {
	c := *b
	c.Rows, c.Covers, c.Missing = []row{}, []covered{}, []missing{}
	return c
}
