package mapper

import (
	"math"
	"strconv"
	"testing"
)

// FuzzParseDeadband holds a deadband that is taken to what exceeded promises:
// it is a width that numbers can be held against.
func FuzzParseDeadband(f *testing.F) {
	for _, text := range []string{"", "0", "0.5", "2%", "2 %", "-1", "NaN", "1e400", "0x1p-2", "%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		band, err := ParseDeadband(text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !(band.Width >= 0) || math.IsInf(band.Width, 0) || band.Percent && band.Width == 0 {
			t.Fatalf("%q is taken for %+v", text, band)
		}
		if band.exceeded(7, 7) || !band.exceeded(7, math.NaN()) {
			t.Fatalf("%q: 7 moved from 7 is %v, to no number is %v", text, band.exceeded(7, 7), band.exceeded(7, math.NaN()))
		}
		again := strconv.FormatFloat(band.Width, 'g', -1, 64)
		if band.Percent {
			again += "%"
		}
		if got, err := ParseDeadband(again); err != nil || got != band {
			t.Fatalf("%q is %+v, but %q is %+v, %v", text, band, again, got, err)
		}
	})
}

// FuzzSize holds a size that is taken to being written as one again.
func FuzzSize(f *testing.F) {
	for _, text := range []string{"0", "262144", "256Ki", "1.5Gi", "1e3", "1E", "8Ei", "-1", "1m", "1e-9999999", "9e99"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, again Size
		if err := size.UnmarshalText([]byte(text)); err != nil {
			checkRefusal(t, err)
			return
		}
		if size < 0 {
			t.Fatalf("%q is %d", text, size)
		}
		if err := again.UnmarshalText([]byte(size.String())); err != nil || again != size {
			t.Fatalf("%q is %d, but %q is %d, %v", text, size, size, again, err)
		}
	})
}
