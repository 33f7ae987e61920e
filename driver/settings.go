package driver

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are the flat scalars of a CR's configData. Keys are matched
// without regard to case, and a scalar may be a string, a number or a boolean
// in any place: KubeEdge hands over "2", 2 and 2.0 for the same number. The
// zero value is empty and ready to use.
type Settings map[string]any

// Reader reads settings and remembers what was wrong and what was read.
type Reader struct {
	values map[string]any    // by lower-case key
	names  map[string]string // lower-case key to the key as given
	used   map[string]bool
	errs   []error
}

// Reader starts to read the settings.
func (s Settings) Reader() *Reader {
	r := &Reader{
		values: make(map[string]any, len(s)),
		names:  make(map[string]string, len(s)),
		used:   make(map[string]bool, len(s)),
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		lower := strings.ToLower(key)
		if first, twice := r.names[lower]; twice {
			r.Refuse(key, s[key], "given once only: "+short(first)+" is given too")
			continue
		}
		r.values[lower], r.names[lower] = s[key], key
	}
	return r
}

// Refuse records that the value of a key is not what is wanted.
func (r *Reader) Refuse(key string, value any, want string) {
	r.errs = append(r.errs, &SettingError{Key: key, Value: value, Want: want})
}

// Err returns all that was refused, joined, or nil.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

// Unread returns the keys, as given and sorted, that nothing asked for.
func (r *Reader) Unread() []string {
	var keys []string
	for lower, key := range r.names {
		if !r.used[lower] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Has tells whether the key is given.
func (r *Reader) Has(key string) bool {
	_, ok := r.lookup(key)
	return ok
}

func (r *Reader) lookup(key string) (any, bool) {
	lower := strings.ToLower(key)
	r.used[lower] = true
	v, ok := r.values[lower]
	return v, ok && v != nil
}

// String returns a key's text, or def where it is not given. Numbers and
// booleans are given as they are written.
func (r *Reader) String(key, def string) string {
	v, ok := r.lookup(key)
	if !ok {
		return def
	}
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case bool, int, int32, int64, uint, uint32, uint64:
		return fmt.Sprint(v)
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	r.Refuse(key, v, "a string, a number or a boolean")
	return def
}

// Enum returns the one of choices that the key's text equals without regard
// to case, or def where it is not given.
func (r *Reader) Enum(key, def string, choices ...string) string {
	if !r.Has(key) {
		return def
	}
	text := r.String(key, def)
	for _, c := range choices {
		if strings.EqualFold(c, text) {
			return c
		}
	}
	r.Refuse(key, text, "one of "+strings.Join(choices, ", "))
	return def
}

// Int returns a whole number from lo to hi, or def where it is not given.
func (r *Reader) Int(key string, def, lo, hi int64) int64 {
	if !r.Has(key) {
		return def
	}
	text := r.String(key, "")
	n, err := strconv.ParseInt(text, 10, 64) // 010 is ten
	if err != nil {
		n, err = strconv.ParseInt(text, 0, 64) // 0x0a is ten too
	}
	if err != nil {
		// 2.0 and 1e3 are whole numbers too.
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			n, err = int64(f), nil
		}
	}
	if err != nil || n < lo || n > hi {
		r.Refuse(key, text, fmt.Sprintf("a whole number from %d to %d", lo, hi))
		return def
	}
	return n
}

// Float returns a finite number, or def where it is not given.
func (r *Reader) Float(key string, def float64) float64 {
	if !r.Has(key) {
		return def
	}
	text := r.String(key, "")
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		r.Refuse(key, text, "a finite number")
		return def
	}
	return f
}

// Bool returns true or false, or def where it is not given.
func (r *Reader) Bool(key string, def bool) bool {
	if !r.Has(key) {
		return def
	}
	text := r.String(key, "")
	b, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		r.Refuse(key, text, "true or false")
		return def
	}
	return b
}

// maxMilliseconds keeps a bare number inside a time.Duration.
const maxMilliseconds = float64(math.MaxInt64 / time.Millisecond)

// Duration returns a time from lo to hi, or def where it is not given: a
// number is milliseconds, as KubeEdge's cycles are, a text is Go's "1.5s".
func (r *Reader) Duration(key string, def, lo, hi time.Duration) time.Duration {
	if !r.Has(key) {
		return def
	}
	text := r.String(key, "")
	d, err := time.ParseDuration(text)
	if ms, merr := strconv.ParseFloat(text, 64); merr == nil && math.Abs(ms) < maxMilliseconds {
		d, err = time.Duration(ms*float64(time.Millisecond)), nil
	}
	if err != nil || d < lo || d > hi {
		r.Refuse(key, text, fmt.Sprintf("a time from %v to %v, such as 500ms or 2s (a bare number is milliseconds)", lo, hi))
		return def
	}
	return d
}
