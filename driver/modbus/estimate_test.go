package modbus

import (
	"fmt"
	"testing"
	"time"

	"datastub/driver"
)

func TestEstimate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings driver.Settings
		want     string
	}{
		{"TCP", nil, "[{coils 0-9 [2] 23 5ms} {holding registers 0-9 [1 0] 41 5ms}]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLearner(t, &registerMap{}, tt.settings, h(8, 2), h(0, 1), c(0, 10))
			if got := fmt.Sprint(l.device.Plan(l.points, 5*time.Millisecond)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
