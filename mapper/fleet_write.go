package mapper

import (
	"context"
	"fmt"
)

// Spec returns a device as it is wanted now. It is not ok if there is none.
func (f *Fleet) Spec(key Key) (spec Spec, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	spec, ok = f.wanted[key]
	return spec, ok
}

// Write has a device hold a value, and returns when the device was read to
// hold it. The text is that of a CR's desired value. It is checked against
// type, access mode, min and max, and written once. The errors wrap
// ErrNoDevice, ErrNoProperty, ErrNotHeld, ErrBusy, driver.ErrReadOnly,
// driver.ErrValue, driver.ErrUnreachable, a *driver.SettingError of the
// key value, or the context's: any other is the device's refusal. If ctx
// ends, a write that has begun is not broken off.
func (f *Fleet) Write(ctx context.Context, key Key, property, text string) error {
	_, d, err := f.find(key)
	if err != nil {
		return err
	}
	err = errOpening
	if d != nil {
		err = d.writer.command(ctx, property, text)
	}
	if err != nil {
		return fmt.Errorf("write %s of %s: %w", property, key, err)
	}
	return nil
}

// find returns a device as it is wanted, and what runs of it, which may be nil.
// The error wraps ErrNoDevice.
func (f *Fleet) find(key Key) (spec Spec, running *device, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	spec, ok := f.wanted[key]
	if !ok {
		return Spec{}, nil, fmt.Errorf("%w: %s", ErrNoDevice, key)
	}
	return spec, f.running[key], nil
}
