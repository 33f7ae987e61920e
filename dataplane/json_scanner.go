package dataplane

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A jsonScanner walks over one JSON object (RFC 8259). It takes what
// encoding/json takes, whose speed is not enough for a stream: it is given
// what is not a plain string.
type jsonScanner struct {
	data []byte
	at   int
}

// object tells each field of the object that is the whole data, and returns
// whether it is one. A key that has escapes is told without them.
func (s *jsonScanner) object(field func(key, value []byte)) bool {
	if s.next() != '{' {
		return false
	}
	s.at++
	if s.next() == '}' {
		s.at++
		return s.end()
	}
	for {
		key, ok := s.key()
		if !ok {
			return false
		}
		s.next()
		value, ok := s.value()
		if !ok {
			return false
		}
		field(key, value)
		switch s.next() {
		case ',':
			s.at++
			s.next()
		case '}':
			s.at++
			return s.end()
		default:
			return false
		}
	}
}

// key reads a key and the colon behind it.
func (s *jsonScanner) key() ([]byte, bool) {
	value, ok := s.text()
	if !ok || s.next() != ':' {
		return nil, false
	}
	s.at++
	if raw, plain := plainText(value); plain {
		return raw, true
	}
	var key string
	err := json.Unmarshal(value, &key)
	return []byte(key), err == nil
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

// end tells whether nothing but white space is left.
func (s *jsonScanner) end() bool {
	s.next()
	return s.at == len(s.data)
}

// value reads one value.
func (s *jsonScanner) value() ([]byte, bool) {
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
