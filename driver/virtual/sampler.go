package virtual

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"datastub/driver"
)

// The signals, as the setting names them.
const (
	sine       = "sine"
	ramp       = "ramp"
	square     = "square"
	counter    = "counter"
	randomWalk = "randomWalk"
	constant   = "constant"
)

// signals tells which signals make sense of a type, the default first.
var signals = map[driver.Type][]string{
	driver.Int:     {sine, ramp, square, counter, randomWalk, constant},
	driver.Float:   {sine, ramp, square, counter, randomWalk, constant},
	driver.Double:  {sine, ramp, square, counter, randomWalk, constant},
	driver.Boolean: {square, constant},
	driver.String:  {counter, constant},
	driver.Bytes:   {counter, constant},
}

// maxWhole bounds what is counted and rounded: above it a float64 does not
// tell whole numbers apart.
const maxWhole = 1 << 53

// The times that period may be, and is.
const (
	minPeriod   = time.Millisecond
	maxPeriod   = 365 * 24 * time.Hour
	roundPeriod = time.Minute
	stepPeriod  = time.Second
)

// A sampler gives the typed value after a time.
type sampler func(elapsed time.Duration) any

// newSampler reads a point's settings and returns its signal's name and
// sampler. What is wrong is refused at r; the sampler is of no use then. The
// seed is that of a point that has none.
func newSampler(r *driver.Reader, typ driver.Type, seed int64) (string, sampler) {
	choices, ok := signals[typ]
	if !ok {
		r.Refuse("type", typ, "one of INT, FLOAT, DOUBLE, BOOLEAN, STRING, BYTES")
		return "", nil
	}
	signal := r.Enum("signal", choices[0], choices...)
	if signal == constant {
		value := readConstant(r, typ)
		return signal, func(time.Duration) any { return value }
	}
	if typ == driver.Boolean {
		period := readPeriod(r, roundPeriod)
		return signal, func(elapsed time.Duration) any { return phase(elapsed, period) >= 0.5 }
	}
	curve := newCurve(r, signal, seed)
	return signal, func(elapsed time.Duration) any { return render(curve(elapsed), typ) }
}

// newCurve reads the settings of a signal of numbers. The seed is that of a
// point that has none.
func newCurve(r *driver.Reader, signal string, seed int64) curve {
	low, high := readRange(r, signal)
	if signal == counter {
		step := readStep(r, 1, high-low)
		return counterCurve(low, high, step, readPeriod(r, stepPeriod))
	}
	noise := readNoise(r, high-low)
	if signal == randomWalk || noise > 0 {
		seed = r.Int("seed", seed, math.MinInt64, math.MaxInt64)
	}
	return noisy(newWave(r, signal, low, high, uint64(seed)), low, high, noise, uint64(seed))
}

// newWave reads what else a signal needs that may have noise.
func newWave(r *driver.Reader, signal string, low, high float64, seed uint64) curve {
	switch signal {
	case randomWalk:
		step := readStep(r, (high-low)/100, high-low)
		return newWalk(low, high, step, seed).curve(readPeriod(r, stepPeriod))
	case ramp:
		return rampCurve(low, high, readPeriod(r, roundPeriod))
	case square:
		return squareCurve(low, high, readPeriod(r, roundPeriod))
	}
	return sineCurve(low, high, readPeriod(r, roundPeriod))
}

func readPeriod(r *driver.Reader, def time.Duration) time.Duration {
	return r.Duration("period", def, minPeriod, maxPeriod)
}

// readRange reads min and max; it returns a good range where they are not.
func readRange(r *driver.Reader, signal string) (low, high float64) {
	defaultHigh := 100.0
	if signal == counter {
		defaultHigh = maxWhole
	}
	low, high = readBound(r, "min", 0), readBound(r, "max", defaultHigh)
	if low >= high {
		r.Refuse("max", given(r, "max"), "a number above min, which is "+strconv.FormatFloat(low, 'f', -1, 64))
		return 0, defaultHigh
	}
	return low, high
}

func readBound(r *driver.Reader, key string, def float64) float64 {
	bound := r.Float(key, def)
	if math.Abs(bound) > maxWhole {
		r.Refuse(key, r.String(key, ""), "a number from -2^53 to 2^53")
		return def
	}
	return bound
}

func readStep(r *driver.Reader, def, most float64) float64 {
	step := r.Float("step", min(def, most))
	if step <= 0 || step > most {
		r.Refuse("step", given(r, "step"), "a number above 0 and at most max-min, which is "+strconv.FormatFloat(most, 'f', -1, 64))
		return most
	}
	return step
}

func readNoise(r *driver.Reader, most float64) float64 {
	noise := r.Float("noise", 0)
	if noise < 0 || noise > most {
		r.Refuse("noise", given(r, "noise"), "a number from 0 to max-min, which is "+strconv.FormatFloat(most, 'f', -1, 64))
		return 0
	}
	return noise
}

// given returns a setting as it was given, nil if it was not.
func given(r *driver.Reader, key string) any {
	if !r.Has(key) {
		return nil
	}
	return r.String(key, "")
}

func readConstant(r *driver.Reader, typ driver.Type) any {
	const key = "value"
	switch typ {
	case driver.Int:
		return r.Int(key, 0, math.MinInt64, math.MaxInt64)
	case driver.Float:
		f := r.Float(key, 0)
		if math.Abs(f) > math.MaxFloat32 {
			r.Refuse(key, r.String(key, ""), "a number that fits FLOAT, which has 32 bits")
		}
		return float32(f)
	case driver.Double:
		return r.Float(key, 0)
	case driver.Boolean:
		return r.Bool(key, false)
	case driver.Bytes:
		text := r.String(key, "")
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			r.Refuse(key, text, "bytes in base64, such as AAEC")
		}
		return b
	}
	return strings.ToValidUTF8(r.String(key, ""), "\uFFFD")
}

// render turns a number of at most maxWhole into a value of a type. Of the
// types that are no numbers it gets a counter's whole ones.
func render(f float64, typ driver.Type) any {
	switch typ {
	case driver.Float:
		return float32(f)
	case driver.Double:
		return f
	case driver.String:
		return strconv.FormatFloat(f, 'f', -1, 64)
	case driver.Bytes:
		return binary.BigEndian.AppendUint64(nil, uint64(int64(math.Round(f))))
	}
	return int64(math.Round(f))
}
