package mapper

import (
	"errors"
	"slices"
	"strings"

	"datastub/driver"
)

// lasting says what is wrong without the time of the next try, which is another
// one each time.
func lasting(err error) string {
	reason := oneLine(err)
	if later, ok := errors.AsType[*driver.Later](err); ok {
		reason = strings.TrimSuffix(reason, later.When())
	}
	return reason
}

// sameAbsence tells whether two reasons for a device's absence have one cause:
// they differ in numbers only, such as ports and times, and in what was to be
// read.
func sameAbsence(a, b string) bool { return slices.Equal(cause(a), cause(b)) }

// cause returns the words of a reason that tell its cause.
func cause(reason string) []string {
	if _, after, found := strings.Cut(reason, driver.ErrUnreachable.Error()); found {
		reason = after
	}
	return slices.DeleteFunc(strings.Fields(reason), func(word string) bool { return strings.ContainsAny(word, "0123456789") })
}
