package cloudsvc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"datastub/dataplane"
)

const (
	// batchRoom is about how much of a request is neither of messages nor of the
	// two lists before them, and coverRoom and missingRoom about how much an entry
	// of these takes beside its texts, in bytes.
	batchRoom   = 512
	coverRoom   = 160
	missingRoom = 224
)

// jumpReason is why sequences are missing that nobody has told, as in windows. A
// device that has one topic in both classes numbers them together.
const jumpReason = "no message of class BT came with these sequences"

// A batchSeries names a series of a publisher.
type batchSeries struct{ publisher, namespace, topic, device string }

// A batchCover is what a batch has of one series.
type batchCover struct {
	Publisher string `json:"publisher"`
	Namespace string `json:"namespace"`
	Topic     string `json:"topic"`
	Device    string `json:"device"`
	From      uint64 `json:"from"`
	To        uint64 `json:"to"`
	Count     uint64 `json:"count"`

	epoch uint64 // of the message that came last
	last  uint64 // sequence of that message, or of what was told to be lost behind it
}

// batchMissing is a loss in the shape that gaps have elsewhere.
type batchMissing struct {
	Publisher string `json:"publisher"`
	Namespace string `json:"namespace"`
	Topic     string `json:"topic"`
	Device    string `json:"device"`
	From      uint64 `json:"from"`
	To        uint64 `json:"to,omitempty"` // with count, where it is known
	Count     uint64 `json:"count,omitempty"`
	Reason    string `json:"reason"`
}

// A batchBody is what is sent of a batch: a function of its lines, whenever they
// are read.
type batchBody struct {
	lines    int // messages and gaps
	size     int // about, as JSON
	messages [][]byte
	covers   map[batchSeries]*batchCover
	order    []*batchCover // as they came
	missing  []batchMissing
}

// cost returns by about how much a line makes the body longer, in bytes.
func (b *batchBody) cost(line *hookLine) int {
	m := &line.message
	cost := len(line.text)
	if _, lost := m.Loss(); lost || b.covers[seriesOf(m)] == nil {
		cost += coverRoom + len(m.ID.Publisher) + len(m.Namespace) + len(m.Topic) + len(m.Device)
	}
	return cost
}

func seriesOf(m *dataplane.Message) batchSeries {
	return batchSeries{m.ID.Publisher, m.Namespace, m.Topic, m.Device}
}

// add takes in a line.
func (b *batchBody) add(line *hookLine) {
	m := &line.message
	b.lines++
	b.size += b.cost(line)
	if loss, lost := m.Loss(); lost {
		b.lose(&loss)
		return
	}
	b.messages = append(b.messages, withoutPosition(line.text))
	key := seriesOf(m)
	c := b.covers[key]
	if c == nil {
		c = &batchCover{Publisher: key.publisher, Namespace: key.namespace, Topic: key.topic, Device: key.device, From: m.Seq, To: m.Seq}
		if b.covers == nil {
			b.covers = make(map[batchSeries]*batchCover)
		}
		b.covers[key] = c
		b.order = append(b.order, c)
	} else if c.epoch == m.ID.Epoch && m.Seq > c.last+1 {
		b.miss(&dataplane.Loss{
			Publisher: key.publisher, Namespace: key.namespace, Topic: key.topic, Device: key.device,
			From: c.last + 1, To: m.Seq - 1, Count: m.Seq - 1 - c.last, Reason: jumpReason,
		})
	}
	c.From, c.To = min(c.From, m.Seq), max(c.To, m.Seq)
	c.Count++
	c.epoch, c.last = m.ID.Epoch, m.Seq
}

// lose takes in a gap, behind which the series goes on.
func (b *batchBody) lose(l *dataplane.Loss) {
	b.miss(l)
	c := b.covers[batchSeries{l.Publisher, l.Namespace, l.Topic, l.Device}]
	if c != nil && l.From <= c.last+1 {
		c.last = max(c.last, l.To)
	}
}

func (b *batchBody) miss(l *dataplane.Loss) {
	b.size += missingRoom + len(l.Publisher) + len(l.Namespace) + len(l.Topic) + len(l.Device) + len(l.Reason)
	b.missing = append(b.missing, batchMissing{l.Publisher, l.Namespace, l.Topic, l.Device, l.From, l.To, l.Count, l.Reason})
}

// withoutPosition returns a line without its position, which is another one when
// it is read again, and without the brace at its end.
func withoutPosition(line []byte) []byte {
	return line[:bytes.LastIndex(line, []byte(`,"position":"`))]
}

// encode returns the body of a batch with an id, that is from behind one position
// up to another.
func (b *batchBody) encode(id, subscription, from, to string) ([]byte, error) {
	covers := slices.SortedFunc(slices.Values(b.order), func(x, y *batchCover) int {
		return slices.Compare([]string{x.Publisher, x.Namespace, x.Topic, x.Device}, []string{y.Publisher, y.Namespace, y.Topic, y.Device})
	})
	var text strings.Builder
	text.Grow(batchRoom + b.size)
	head := json.NewEncoder(&text)
	head.SetEscapeHTML(false) // no page shows it, and it would be larger than was counted
	err := head.Encode(struct {
		ID           string         `json:"id"`
		Subscription string         `json:"subscription"`
		Count        int            `json:"count"`
		From         string         `json:"from"`
		To           string         `json:"to"`
		Covers       []*batchCover  `json:"covers"`
		Missing      []batchMissing `json:"missing"`
	}{id, subscription, len(b.messages), from, to, append([]*batchCover{}, covers...), append([]batchMissing{}, b.missing...)})
	if err != nil {
		return nil, err
	}
	body := append([]byte(strings.TrimSuffix(text.String(), "}\n")), `,"messages":[`...)
	for i, m := range b.messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(body, m...), '}')
	}
	return append(body, "]}"...), nil
}
