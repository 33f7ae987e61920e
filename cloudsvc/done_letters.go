package cloudsvc

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// doneLetters are ids of letters that are done, behind one that is not: by what
// comes before their last number, the spans of these numbers, or none where the
// id does not end in one. An outbox bounds how many there are.
type doneLetters map[string][]doneSpan

// A doneSpan is from its first number to its last, both included.
type doneSpan [2]uint64

// add adds an id. Those of a publisher are shortest when they come in order.
func (d *doneLetters) add(id string) {
	if *d == nil {
		*d = make(doneLetters)
	}
	of, n, numbered := splitNumber(id)
	spans := (*d)[of]
	switch last := len(spans) - 1; {
	case !numbered:
	case last >= 0 && n > 0 && spans[last][1] == n-1:
		spans[last][1] = n
	default:
		spans = append(spans, doneSpan{n, n})
	}
	(*d)[of] = spans
}

// has tells whether an id was added.
func (d doneLetters) has(id string) bool {
	of, n, numbered := splitNumber(id)
	spans, known := d[of]
	if !numbered {
		return known && len(spans) == 0
	}
	return slices.ContainsFunc(spans, func(s doneSpan) bool { return s[0] <= n && n <= s[1] })
}

// clone returns a copy.
func (d doneLetters) clone() doneLetters {
	c := maps.Clone(d)
	for of, spans := range c {
		c[of] = slices.Clone(spans)
	}
	return c
}

// splitNumber returns what is before the last number of an id of a message, and
// the number; or the whole id and false.
func splitNumber(id string) (before string, n uint64, ok bool) {
	slash := strings.LastIndexByte(id, '/') + 1
	n, err := strconv.ParseUint(id[slash:], 10, 64)
	if slash == 0 || err != nil || strconv.FormatUint(n, 10) != id[slash:] {
		return id, 0, false
	}
	return id[:slash], n, true
}
