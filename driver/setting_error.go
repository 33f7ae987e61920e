package driver

import (
	"errors"
	"fmt"
)

// SettingError is one thing wrong with one setting.
type SettingError struct {
	Key   string // as the protocol documents it
	Value any    // as it was given, nil if it was not
	Want  string // what would be right: "a whole number from 1 to 247"
}

// Error gives the key, the value and what would be right.
func (e *SettingError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("%s is missing: want %s", e.Key, e.Want)
	}
	return fmt.Sprintf("%s: %v is not %s", e.Key, e.Value, e.Want)
}

// SettingErrors returns the SettingErrors that err is made of, joined or
// wrapped, and everything else in it.
func SettingErrors(err error) (settings []*SettingError, others []error) {
	if err == nil {
		return nil, nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			s, o := SettingErrors(e)
			settings, others = append(settings, s...), append(others, o...)
		}
		return settings, others
	}
	var setting *SettingError
	if errors.As(err, &setting) {
		return []*SettingError{setting}, nil
	}
	return nil, []error{err}
}
