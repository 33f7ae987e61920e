package window

import (
	"cmp"
	"slices"
	"strings"
)

// maxJumps is how many jumps of one series are told one by one, those first
// seen.
const maxJumps = 16

// A seriesKey names a series of a publisher.
type seriesKey struct{ namespace, topic, device string }

func (k seriesKey) compare(o seriesKey) int {
	return cmp.Or(strings.Compare(k.namespace, o.namespace), strings.Compare(k.topic, o.topic), strings.Compare(k.device, o.device))
}

// A series is one of which some pane has messages.
type series struct {
	key   seriesKey
	epoch uint64 // of the message that came last
	last  uint64 // sequence of that message, or of what was told to be lost behind it
	panes int    // that have a cover of it
}

// A span is sequences of a series.
type span struct{ from, to uint64 }

// A cover is what a pane or a window has of one series.
type cover struct {
	span
	count uint64
	jumps []span // that came behind one of its messages, in order
}

func (c *cover) add(seq uint64) {
	if c.count == 0 {
		c.span = span{seq, seq}
	}
	c.from, c.to = min(c.from, seq), max(c.to, seq)
	c.count++
}

// jump remembers sequences that did not come. The last one of which there is room
// for has all behind it.
func (c *cover) jump(j span) {
	if n := len(c.jumps); n == maxJumps {
		c.jumps[n-1].to = j.to
		return
	}
	c.jumps = append(c.jumps, j)
}

// merge takes in what another pane of the window has, which may have seen the
// same jumps.
func (c *cover) merge(o *cover) {
	if c.count == 0 {
		c.span = o.span
	}
	c.from, c.to = min(c.from, o.from), max(c.to, o.to)
	c.count += o.count
	for _, j := range o.jumps {
		if !slices.Contains(c.jumps, j) {
			c.jumps = append(c.jumps, j)
		}
	}
}
