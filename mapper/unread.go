package mapper

import (
	"slices"
	"strings"

	"datastub/driver"
)

// limitKeys are settings that Merge adds by itself.
var limitKeys = []string{"min", "max"}

// unread returns the settings that mean nothing to a driver's device or point,
// but for own.
func unread(v any, own []string) []string {
	u, ok := v.(driver.Unreader)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(u.Unread()), func(key string) bool {
		return slices.ContainsFunc(own, func(o string) bool { return strings.EqualFold(o, key) })
	})
}
