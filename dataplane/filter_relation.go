package dataplane

import "strings"

// Covers tells whether the filter selects each topic that another one selects.
func (f Filter) Covers(other Filter) bool {
	mine, its := f.Levels(), other.Levels()
	if hides(mine[0], its[0]) {
		return false
	}
	for i, level := range mine {
		switch {
		case level == "#":
			return true
		case i == len(its) || its[i] == "#":
			return false
		case level != "+" && level != its[i]:
			return false
		}
	}
	return len(mine) == len(its)
}

// Overlaps tells whether there are topics that both filters select.
func (f Filter) Overlaps(other Filter) bool {
	a, b := f.Levels(), other.Levels()
	if hides(a[0], b[0]) || hides(b[0], a[0]) {
		return false
	}
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == "#" || b[i] == "#":
			return true
		case a[i] != "+" && b[i] != "+" && a[i] != b[i]:
			return false
		}
	}
	return len(a) == len(b) || endsAt(a, len(b)) || endsAt(b, len(a))
}

// hides tells whether a first level is a wildcard that the other one, beginning
// with $, is hidden from.
func hides(wildcard, level string) bool {
	return (wildcard == "+" || wildcard == "#") && strings.HasPrefix(level, "$")
}

// endsAt tells whether the levels from n on select their parent, too.
func endsAt(levels []string, n int) bool { return len(levels) == n+1 && levels[n] == "#" }
