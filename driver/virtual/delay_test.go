package virtual_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
	"datastub/driver/virtual"
)

// TestDelay has a read and a write that take a second end by themselves, with
// their context, and with the device.
func TestDelay(t *testing.T) {
	t.Parallel()
	const delay, sooner = time.Second, 300 * time.Millisecond
	for _, tt := range []struct {
		name  string
		end   func(driver.Device, context.CancelFunc)
		after time.Duration
		want  error
	}{
		{"the device answers", nil, delay, nil},
		{"nobody waits", func(_ driver.Device, cancel context.CancelFunc) { cancel() }, sooner, context.Canceled},
		{"the device is closed", func(d driver.Device, _ context.CancelFunc) { _ = d.Close() }, sooner, driver.ErrUnreachable},
	} {
		for name, call := range map[string]func(context.Context, driver.Device, driver.Point) error{"read": readOne, "write": writeOne} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					d, err := virtual.New(virtual.Options{}).Open("d", driver.Settings{"delay": "1s"})
					if err != nil {
						t.Fatal(err)
					}
					p, err := d.Point(writable("p"))
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if tt.end != nil {
						time.AfterFunc(sooner, func() { tt.end(d, cancel) })
					}
					start := time.Now()
					if err := call(ctx, d, p); !errors.Is(err, tt.want) {
						t.Errorf("got %v, want %v", err, tt.want)
					}
					if got := time.Since(start); got != tt.after {
						t.Errorf("it took %v, want %v", got, tt.after)
					}
				})
			})
		}
	}
}

func readOne(ctx context.Context, d driver.Device, p driver.Point) error {
	_, err := d.Read(ctx, []driver.Point{p})
	return err
}

func writeOne(ctx context.Context, d driver.Device, p driver.Point) error {
	return d.Write(ctx, p, int64(6))
}
