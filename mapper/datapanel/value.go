package datapanel

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"datastub/driver"
)

// What a value of each type is written like. The errors leave out the value,
// so that a device that gives one wrong value after the other is logged once.
var (
	errInt     = errors.New("value is no INT: want a whole number from -9223372036854775808 to 18446744073709551615")
	errFloat   = errors.New("value is no FLOAT: want a number of single precision, NaN or Inf")
	errDouble  = errors.New("value is no DOUBLE: want a number of double precision, NaN or Inf")
	errBoolean = errors.New("value is no BOOLEAN: want true or false, or 1 or 0")
	errString  = errors.New("value is no STRING: want UTF-8; BYTES carries anything")
)

// parse reads a value that common.ConvertToString wrote, as a reading of the
// type has it. It never makes another type of it: 1.0 is no INT, and 1 is a
// BOOLEAN only where the model says so. Bytes are the text's own.
func parse(t driver.Type, text string) (any, error) {
	switch t {
	case driver.Int:
		return parseInt(text)
	case driver.Float:
		f, err := strconv.ParseFloat(text, 32)
		return float32(f), instead(err, errFloat)
	case driver.Double:
		f, err := strconv.ParseFloat(text, 64)
		return f, instead(err, errDouble)
	case driver.Boolean:
		return parseBoolean(text)
	case driver.Bytes:
		return []byte(text), nil
	}
	if !utf8.ValidString(text) {
		return nil, errString
	}
	return text, nil
}

func parseInt(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, instead(err, errInt)
}

// parseBoolean takes 1 and 0 too: drivers of coils hand over integers.
func parseBoolean(text string) (any, error) {
	switch text {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return nil, errBoolean
}

// instead returns other where there is an error.
func instead(err, other error) error {
	if err == nil {
		return nil
	}
	return other
}
