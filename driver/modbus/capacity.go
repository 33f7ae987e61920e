package modbus

import "time"

// A capacity is how much one answer of a device holds.
type capacity struct {
	most    int       // that was answered so far
	tooMany int       // that was refused for its size; 0: nothing was
	doubt   time.Time // when tooMany is forgotten
}

// limit returns what is worth asking for, of at most so many: between what was
// answered and what was refused the middle, until both meet.
func (c capacity) limit(most int) int {
	if c.tooMany == 0 {
		return most
	}
	return min(most, max(c.most, (c.most+c.tooMany)/2))
}

// answered notes that so many were answered.
func (c *capacity) answered(count int) {
	c.most = max(c.most, count)
	if c.most >= c.tooMany {
		c.tooMany = 0
	}
}

// refused notes that so many were refused for that alone, unless as many were
// answered before: then whatever it was has passed.
func (c *capacity) refused(count int, doubt time.Time) {
	if count > c.most && (c.tooMany == 0 || count < c.tooMany) {
		c.tooMany, c.doubt = count, doubt
	}
}
