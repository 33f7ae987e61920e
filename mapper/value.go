package mapper

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"datastub/driver"
)

// parseValue makes a value of a property's type of a text as CRs and people
// write it. What is wrong is a *driver.SettingError under key.
//
//	INT      decimal, 0x and 0b, or a float that is whole, such as 1e3
//	FLOAT    a finite number
//	DOUBLE   a finite number
//	BOOLEAN  true or false, 1 or 0
//	STRING   UTF-8, as it is; with a min or max, the text of a number
//	BYTES    base64, of either alphabet, padded or not
//
// A number is within min and max of the property's settings, which it is held
// against as it is written: rounded to a float32, 0.1 is above 0.1.
func parseValue(key string, config driver.PointConfig, text string) (any, error) {
	r := driver.Settings{key: text}.Reader()
	var value any
	switch config.Type {
	case driver.Int:
		value = parseInt(r, key, text, limitsOf(config))
	case driver.Float:
		f := parseFloat(r, key, text, limitsOf(config))
		if math.Abs(f) > math.MaxFloat32 {
			r.Refuse(key, text, "a number of single precision")
		}
		value = float32(f)
	case driver.Double:
		value = parseFloat(r, key, text, limitsOf(config))
	case driver.Boolean:
		value = r.Bool(key, false)
	case driver.Bytes:
		value = parseBytes(r, key, text)
	default:
		value = text
		if hasFold(config.Settings, "min") || hasFold(config.Settings, "max") {
			parseFloat(r, key, text, limitsOf(config))
		}
		if !utf8.ValidString(text) {
			r.Refuse(key, strings.ToValidUTF8(text, string(utf8.RuneError)), "UTF-8")
		}
	}
	return value, r.Err()
}

// FormatValue writes a reading's value as a text that parseValue makes the same
// value of: numbers without an exponent, bytes as unpadded base64url.
func FormatValue(value any) string {
	switch v := value.(type) {
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []byte:
		return base64.RawURLEncoding.EncodeToString(v)
	}
	return fmt.Sprint(value)
}

// limits are what a property's number may be, its ends included.
type limits struct{ min, max float64 }

// limitsOf returns the limits of a property. One that is no number is none:
// the driver has refused it.
func limitsOf(config driver.PointConfig) limits {
	r := config.Settings.Reader()
	return limits{r.Float("min", math.Inf(-1)), r.Float("max", math.Inf(1))}
}

// want says what a number within the limits is, of which there is one at least.
func (l limits) want() string {
	switch {
	case math.IsInf(l.min, -1):
		return fmt.Sprintf("a number, %v at most", l.max)
	case math.IsInf(l.max, 1):
		return fmt.Sprintf("a number, %v at least", l.min)
	}
	return fmt.Sprintf("a number from %v to %v", l.min, l.max)
}

// parseInt returns an int64, or a uint64 above the largest.
func parseInt(r *driver.Reader, key, text string, l limits) any {
	if n, err := strconv.ParseUint(strings.TrimSpace(text), 0, 64); err == nil && n > math.MaxInt64 && float64(n) <= l.max {
		return n
	}
	return r.Int(key, 0, asInt64(math.Ceil(l.min)), asInt64(math.Floor(l.max)))
}

// asInt64 returns the int64 next to a whole number.
func asInt64(f float64) int64 {
	switch {
	case f < math.MinInt64:
		return math.MinInt64
	case f >= math.MaxInt64: // which rounds to 1<<63
		return math.MaxInt64
	}
	return int64(f)
}

func parseFloat(r *driver.Reader, key, text string, l limits) float64 {
	f := r.Float(key, 0)
	if r.Err() == nil && (f < l.min || f > l.max) {
		r.Refuse(key, text, l.want())
	}
	return f
}

// parseBytes takes what the twin of a BYTES property shows, and what other
// programs make.
func parseBytes(r *driver.Reader, key, text string) []byte {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	b, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		r.Refuse(key, text, "base64")
	}
	return b
}
