package virtual

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
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
// name seeds a random walk that has no seed.
func newSampler(r *driver.Reader, typ driver.Type, name string) (string, sampler) {
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
		period := r.Duration("period", roundPeriod, minPeriod, maxPeriod)
		return signal, func(elapsed time.Duration) any { return phase(elapsed, period) >= 0.5 }
	}
	curve := newCurve(r, signal, name)
	return signal, func(elapsed time.Duration) any { return render(curve(elapsed), typ) }
}

// newCurve reads the settings of a signal of numbers.
func newCurve(r *driver.Reader, signal, name string) curve {
	low, high := readRange(r, signal)
	switch signal {
	case counter:
		step := readStep(r, 1, high-low)
		period := r.Duration("period", stepPeriod, minPeriod, maxPeriod)
		return counterCurve(low, high, step, period)
	case randomWalk:
		step := readStep(r, (high-low)/100, high-low)
		period := r.Duration("period", stepPeriod, minPeriod, maxPeriod)
		seed := r.Int("seed", seedOf(name), math.MinInt64, math.MaxInt64)
		return newWalk(low, high, step, uint64(seed)).curve(period)
	}
	period := r.Duration("period", roundPeriod, minPeriod, maxPeriod)
	switch signal {
	case ramp:
		return rampCurve(low, high, period)
	case square:
		return squareCurve(low, high, period)
	}
	return sineCurve(low, high, period)
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

// seedOf makes a seed of a name.
func seedOf(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return int64(h.Sum64())
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
