package dataplane

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

const day = 24 * time.Hour

// inDays is a duration that begins with days, of which five digits do not
// overflow.
var inDays = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// ParseDuration reads a duration as time.ParseDuration does, which may begin with
// days of 24 hours: 90s, 1h30m, 7d, 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	m := inDays.FindStringSubmatch(text)
	if m == nil {
		return time.ParseDuration(text)
	}
	days, _ := strconv.Atoi(m[1]) // five digits
	rest, err := time.ParseDuration("0s" + m[2])
	if err != nil {
		return 0, fmt.Errorf("duration %.64q: want a number with its unit, such as 7d or 1d12h", text)
	}
	d := time.Duration(days)*day + rest
	if d < 0 {
		return 0, fmt.Errorf("duration %.64q: want less than 292 years", text)
	}
	return d, nil
}
