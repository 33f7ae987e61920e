package dmi

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"datastub/mapper"
)

// KubeEdge may lose the call for a device that follows the one for its model.
func TestRegistrarInquires(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		protocol string
		removed  bool // the device, by a call
		want     bool // a registration
	}{
		"the device stays":         {"modbus", false, true},
		"the device is removed":    {"modbus", true, false},
		"it is another protocol's": {"virtual", false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				roster, _, _ := testRoster()
				r := &registrar{
					Registration: mapper.Registration{Protocol: test.protocol}, roster: roster,
					asked: make(chan struct{}, 1), inquired: make(chan struct{}, 1),
				}
				s := &service{protocol: test.protocol, roster: roster, ask: r.ask, inquire: r.inquire}
				device, model := deviceMessage(t, "modbus", "a", 1), modelMessage("l")
				roster.putModel(model)
				roster.put(device)
				ctx, cancel := context.WithCancel(t.Context())
				go r.answerInquiries(ctx)
				if _, err := s.RemoveDeviceModel(ctx, removalOf(model)); err != nil {
					t.Fatal(err)
				}
				if test.removed {
					roster.remove(keyOf(device))
				}
				time.Sleep(bereavement - time.Nanosecond)
				synctest.Wait()
				if len(r.asked) != 0 {
					t.Errorf("asked for a registration before %v", bereavement)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if got := len(r.asked) == 1; got != test.want {
					t.Errorf("asked for a registration after %v: got %v, want %v", bereavement, got, test.want)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}
