package mapper

import (
	"fmt"
	"runtime/debug"

	"k8s.io/klog/v2"
)

// guard calls into a driver. A driver that panics is one device's trouble: the
// panic becomes an error, and its stack is logged.
func guard(log klog.Logger, what string, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: the driver panicked: %v", what, r)
			log.Error(err, "Driver panicked", "stack", string(debug.Stack()))
		}
	}()
	return call()
}
