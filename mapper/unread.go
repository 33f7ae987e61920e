package mapper

import (
	"slices"
	"strings"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// limitKeys are settings that Merge adds by itself.
var limitKeys = []string{"min", "max"}

// warnUnread warns of settings that mean nothing to the driver.
func warnUnread(log klog.Logger, place string, v any, own ...string) {
	if keys := unread(v, own); len(keys) > 0 {
		log.Info("Settings mean nothing to the driver", "in", place, "keys", keys)
	}
}

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
