package coap

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"datastub/driver"
)

// decode makes a value of the point's type of an answer. Suspect is empty, or
// says why the value is not to be trusted.
func (p *point) decode(a answer) (value any, suspect string, err error) {
	if err := p.format.check(a.media, a.saysMedia); err != nil {
		return nil, "", err
	}
	if p.format == asBytes {
		return a.payload, "", nil
	}
	text := string(a.payload)
	if p.format == asJSON {
		if text, err = member(a.payload, p.member); err != nil {
			return nil, "", err
		}
	}
	return decodeText(p.typ, text)
}

// decodeText makes a value of text.
func decodeText(typ driver.Type, text string) (value any, suspect string, err error) {
	if typ == driver.String {
		if utf8.ValidString(text) {
			return text, "", nil
		}
		return strings.ToValidUTF8(text, string(utf8.RuneError)), "text is not UTF-8", nil
	}
	text = strings.TrimSpace(text)
	switch typ {
	case driver.Int:
		value, err = decodeInt(text)
		return value, "", err
	case driver.Boolean:
		value, err = decodeBoolean(text)
		return value, "", err
	}
	bits := 64
	if typ == driver.Float {
		bits = 32
	}
	f, err := parseFloat(text, bits)
	if err != nil {
		return nil, "", err
	}
	if bits == 32 {
		return float32(f), strange(f), nil
	}
	return f, strange(f), nil
}

// decodeInt rounds to the nearest whole number, halves away from zero.
func decodeInt(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := parseFloat(text, 64)
	if err != nil {
		return nil, err
	}
	f = math.Round(f)
	switch {
	case f >= -1<<63 && f < 1<<63:
		return int64(f), nil
	case f >= 1<<63 && f < 1<<64:
		return uint64(f), nil
	}
	return nil, fmt.Errorf("%s is not a whole number of 64 bits", shown(text))
}

// words are booleans that devices have, beside numbers.
var words = map[string]bool{"true": true, "false": false, "on": true, "off": false}

func decodeBoolean(text string) (any, error) {
	if b, ok := words[strings.ToLower(text)]; ok {
		return b, nil
	}
	f, err := parseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%s is not true, false, on, off or a number", shown(text))
	}
	return f != 0, nil
}

func parseFloat(text string, bits int) (float64, error) {
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number of %d bits", shown(text), bits)
	}
	return f, nil
}

// strange tells in words why a number is none that people count with, or "".
func strange(f float64) string {
	switch {
	case math.IsNaN(f):
		return "not a number"
	case math.IsInf(f, 0):
		return "infinite"
	}
	return ""
}

// shown is text as an error shows it: its beginning, on one line.
func shown(text string) string {
	const most = 64 // bytes
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}
