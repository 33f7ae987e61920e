package driver

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// SettingError is one thing wrong with one setting.
type SettingError struct {
	Key   string // as the protocol documents it
	Value any    // as it was given, nil if it was not
	Want  string // what would be right: "a whole number from 1 to 247"
}

// Error gives the key, the value and what would be right, on one line.
func (e *SettingError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("%s is missing: want %s", short(e.Key), e.Want)
	}
	return fmt.Sprintf("%s: %s is not %s", short(e.Key), short(e.Value), e.Want)
}

// short returns a key or a value as an error shows it: its beginning, and in
// quotes if it would not stay on its line.
func short(v any) string {
	const most = 64 // bytes
	text := fmt.Sprint(v)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
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
