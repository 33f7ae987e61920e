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
		{"TCP", driver.Settings{"ip": "10.0.0.1"}, "10.0.0.1:502 [{coils 0-9 [2] 23 5ms} {holding registers 0-9 [1 0] 41 5ms}]"},
		{"RTU over TCP", driver.Settings{"ip": "10.0.0.1", "communicateMode": "RTUOverTCP"},
			"10.0.0.1:502 [{coils 0-9 [2] 15 5ms} {holding registers 0-9 [1 0] 33 5ms}]"},
		// A character is 11 bits, 1.145833 ms: 15 and 33 of them, and 7 of silence.
		{"RTU at 9600", driver.Settings{"serialName": "/dev/ttyS0", "baudRate": 9600},
			"/dev/ttyS0 [{coils 0-9 [2] 15 30.208325ms} {holding registers 0-9 [1 0] 33 50.833319ms}]"},
		// 95.486 µs a character, and 1.75 ms of silence each time.
		{"RTU at 115200", driver.Settings{"serialName": "/dev/ttyS0", "baudRate": 115200},
			"/dev/ttyS0 [{coils 0-9 [2] 15 9.93229ms} {holding registers 0-9 [1 0] 33 11.651038ms}]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLearner(t, &registerMap{}, tt.settings, h(8, 2), h(0, 1), c(0, 10))
			if got := fmt.Sprint(l.device.Bus(), " ", l.device.Plan(l.points, 5*time.Millisecond)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
