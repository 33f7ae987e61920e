package dmi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"

	"datastub/mapper"
)

// EdgeCore takes a twin whose value is empty or matches
// ^[a-zA-Z0-9-_.,:/@#]{1,512}$ and whose name matches the same with up to 128
// characters. It drops any other without an error.
const (
	maxTwinValue = 512
	maxTwinName  = 128
)

// fits tells whether text is of EdgeCore's characters, 1 to most of them.
func fits(text string, most int) bool {
	if text == "" || len(text) > most {
		return false
	}
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("-_.,:/@#", c) < 0 {
			return false
		}
	}
	return true
}

// checkTwinName says why a property of this name cannot have a twin.
func checkTwinName(name string) error {
	if fits(name, maxTwinName) {
		return nil
	}
	return fmt.Errorf("name: want 1 to %d letters, digits or -_.,:/@#", maxTwinName)
}

// formatValue returns a reading's value as a twin may have it, or an error if
// it has no such form. Numbers have neither exponent nor a plus. A text that
// EdgeCore would drop, such as one with a space, is in base64url without
// padding, as bytes always are. The twin does not tell which it is: "aGk" may
// be a text or stand for "hi". On the data plane a value is whole and has a
// type.
func formatValue(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return formatText(v)
	case []byte:
		return formatBytes(v)
	case float32:
		return formatNumber(float64(v), value)
	case float64:
		return formatNumber(v, value)
	case int64, uint64, bool:
		return mapper.FormatValue(value), nil
	}
	return "", fmt.Errorf("value of Go type %T: want one of a driver.Type", value)
}

// formatNumber formats a value that is the number f: in 344 characters at most.
func formatNumber(f float64, value any) (string, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "", errors.New("value is not a finite number")
	}
	return mapper.FormatValue(value), nil
}

// formatText formats a text, or a value that a Device gives as one.
func formatText(text string) (string, error) {
	if text == "" || fits(text, maxTwinValue) {
		return text, nil
	}
	return formatBytes([]byte(text))
}

func formatBytes(b []byte) (string, error) {
	if n := base64.RawURLEncoding.EncodedLen(len(b)); n > maxTwinValue {
		return "", fmt.Errorf("value of %d bytes has %d characters in base64: want at most %d", len(b), n, maxTwinValue)
	}
	return mapper.FormatValue(b), nil
}
