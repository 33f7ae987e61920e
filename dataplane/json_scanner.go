package dataplane

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A jsonScanner walks over one JSON object (RFC 8259), field by field. It takes
// what encoding/json takes, whose speed is not enough for a stream: it is given
// what is not a plain string.
type jsonScanner struct {
	key, value []byte // of the last field; the key without its escapes

	data  []byte
	at    int
	begun bool
	whole bool // the object ended, and nothing is behind it
}

// field goes on to the next field. At the end it returns false, and whole
// tells whether data was one object.
func (s *jsonScanner) field() bool {
	if !s.separator() {
		return false
	}
	key, ok := s.text()
	if !ok || s.next() != ':' {
		return false
	}
	s.at++
	s.next()
	if s.value, ok = s.any(); !ok {
		return false
	}
	raw, plain := plainText(key)
	if !plain {
		var unescaped string
		_ = json.Unmarshal(key, &unescaped) // text has seen that it is JSON
		raw = []byte(unescaped)
	}
	s.key = raw
	return true
}

// separator passes over what stands before a field, and returns whether one
// must follow.
func (s *jsonScanner) separator() bool {
	c := s.next()
	s.at++
	switch {
	case !s.begun && c == '{':
		s.begun = true
		if s.next() != '}' {
			return true
		}
		s.at++
	case s.begun && c == ',':
		s.next()
		return true
	case !s.begun || c != '}':
		return false
	}
	s.whole = s.next() == 0 && s.at == len(s.data)
	return false
}

// next passes over white space and returns the byte behind it, 0 at the end.
func (s *jsonScanner) next() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// any reads one value.
func (s *jsonScanner) any() ([]byte, bool) {
	if s.at == len(s.data) {
		return nil, false
	}
	switch s.data[s.at] {
	case '"':
		return s.text()
	case '{', '[':
		return s.nested()
	}
	return s.checked(bytes.IndexAny(s.data[s.at:], ",}] \t\r\n"))
}

// nested reads an object or an array.
func (s *jsonScanner) nested() ([]byte, bool) {
	depth := 0
	for i := s.at; i < len(s.data); i++ {
		switch s.data[i] {
		case '"':
			end := textEnd(s.data[i:])
			if end < 0 {
				return nil, false
			}
			i += end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return s.checked(i + 1 - s.at)
			}
		}
	}
	return nil, false
}

// checked returns the next length bytes if they are JSON.
func (s *jsonScanner) checked(length int) ([]byte, bool) {
	if length <= 0 {
		return nil, false
	}
	value := s.data[s.at : s.at+length]
	s.at += length
	return value, json.Valid(value)
}

// text reads a string, with its quotes.
func (s *jsonScanner) text() ([]byte, bool) {
	if s.at == len(s.data) || s.data[s.at] != '"' {
		return nil, false
	}
	end := textEnd(s.data[s.at:])
	if end < 0 {
		return nil, false
	}
	value := s.data[s.at : s.at+end]
	s.at += end
	_, plain := plainText(value)
	return value, plain || json.Valid(value)
}

// textEnd returns how long the string is that data begins with, -1 if it does
// not end.
func textEnd(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// plainText returns what is between the quotes of a JSON string where each
// byte of it stands for itself.
func plainText(value []byte) (text []byte, plain bool) {
	if value[0] != '"' {
		return nil, false
	}
	text = value[1 : len(value)-1]
	for _, c := range text {
		if !plainJSON[c] {
			// More than ASCII is plain if it is UTF-8 with no escapes.
			return text, c >= utf8.RuneSelf && unescaped(text) && utf8.Valid(text)
		}
	}
	return text, true
}

func unescaped(text []byte) bool {
	for _, c := range text {
		if c < utf8.RuneSelf && !plainJSON[c] {
			return false
		}
	}
	return true
}
