package mapper

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// A Deadband is by how much a number must move to be worth publishing. The
// zero Deadband is none.
type Deadband struct {
	Width   float64 // in the value's own unit, or in percent
	Percent bool    // of the last published value's magnitude
}

// ParseDeadband reads "0.5", "2%", or "" and "0" for none.
func ParseDeadband(text string) (Deadband, error) {
	if text == "" {
		return Deadband{}, nil
	}
	number, percent := strings.CutSuffix(text, "%")
	width, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(width) || math.IsInf(width, 0) || width < 0 {
		return Deadband{}, errors.New("want a number that is not negative, such as 0.5, or a percentage such as 2%")
	}
	return Deadband{Width: width, Percent: percent && width > 0}, nil
}

// UnmarshalText is ParseDeadband.
func (d *Deadband) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDeadband(string(text))
	return err
}

// exceeded tells whether a number moved by more than the band. A number that
// is not finite, on either side, always did.
func (d Deadband) exceeded(from, to float64) bool {
	band := d.Width
	if d.Percent {
		band = math.Abs(from) * d.Width / 100
	}
	return !(math.Abs(to-from) <= band) // so that NaN exceeds
}
