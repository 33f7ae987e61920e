package virtual

import (
	"testing"
	"time"

	"datastub/driver"
)

// FuzzPoint reads any settings of a point: one that is taken has a value of its
// type at any time.
func FuzzPoint(f *testing.F) {
	f.Add("INT", "counter", "0", "100", "1", "20ms", "", "", int64(time.Hour))
	f.Add("FLOAT", "randomWalk", "-5", "5", "0.1", "1s", "10", "7", int64(time.Second))
	f.Add("BYTES", "constant", "", "", "", "", "", "AAEC", int64(0))
	f.Add("DOUBLE", "sine", "-9007199254740992", "9007199254740992", "", "1", "0.5", "", int64(1))
	f.Fuzz(func(t *testing.T, typ, signal, low, high, step, period, noise, value string, elapsed int64) {
		settings := driver.Settings{"signal": signal}
		for key, text := range map[string]string{"min": low, "max": high, "step": step, "period": period, "value": value, "seed": value, "noise": noise} {
			if text != "" {
				settings[key] = text
			}
		}
		config := driver.PointConfig{Name: "p", Type: driver.Type(typ), Settings: settings}
		p, err := newPoint(&device{name: "d"}, config)
		if err != nil {
			return
		}
		for range 2 { // a random walk goes on
			if got := p.read(time.Duration(elapsed &^ (-1 << 62))).Value; !config.Type.Holds(got) {
				t.Fatalf("%v: got %v, a %T, for %s", settings, got, got, typ)
			}
		}
	})
}
