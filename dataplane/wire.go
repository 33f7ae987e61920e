package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrMalformed says that bytes are not what they should be. It is wrapped in
// an error that tells what was being read.
var ErrMalformed = errors.New("malformed")

// wire reads the parts of a frame or a body one after the other. The first
// error stays, and everything read after it is zero.
type wire struct {
	rest []byte
	err  error
}

func (w *wire) fail(what string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s with %d bytes left", ErrMalformed, what, len(w.rest))
		w.rest = nil
	}
}

// uvarint reads an unsigned number of at most limit.
func (w *wire) uvarint(what string, limit uint64) uint64 {
	v, n := binary.Uvarint(w.rest)
	if n <= 0 || v > limit {
		w.fail(what)
		return 0
	}
	w.rest = w.rest[n:]
	return v
}

func (w *wire) varint(what string) int64 {
	v, n := binary.Varint(w.rest)
	if n <= 0 {
		w.fail(what)
		return 0
	}
	w.rest = w.rest[n:]
	return v
}

// bytes reads n bytes, which stay part of the input.
func (w *wire) bytes(what string, n uint64) []byte {
	if n > uint64(len(w.rest)) {
		w.fail(what)
		return nil
	}
	b := w.rest[:n:n]
	w.rest = w.rest[n:]
	return b
}

// byte reads one byte.
func (w *wire) byte(what string) byte {
	if b := w.bytes(what, 1); b != nil {
		return b[0]
	}
	return 0
}

// text reads a length and as many bytes, of at most limit.
func (w *wire) text(what string, limit uint64) string {
	return string(w.bytes(what, w.uvarint(what, limit)))
}

// remark reads the rest as a text for people. What is too long is cut, as it
// is kept and logged and no reason to turn the frame away.
func (w *wire) remark() string {
	const limit = 1024 // bytes
	b := w.rest[:min(len(w.rest), limit)]
	w.rest = nil
	return strings.ToValidUTF8(string(b), "")
}

// name reads the rest as a name of at most limit bytes.
func (w *wire) name(what string, limit int) string {
	if len(w.rest) > limit {
		w.fail(what)
		return ""
	}
	return string(w.rest)
}

// end checks that nothing is left.
func (w *wire) end(what string) error {
	if w.err == nil && len(w.rest) != 0 {
		w.fail("the end of " + what)
	}
	return w.err
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
