package spool

import "encoding/binary"

// fields reads the parts of a payload one after the other. What is read behind
// the first that is not there is zero.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.bad, f.rest = true, nil
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// count reads how many of something follow, each of which takes at least so
// many bytes.
func (f *fields) count(each int) int {
	n := f.uint()
	if n > uint64(len(f.rest)/each) {
		f.bad, f.rest = true, nil
		return 0
	}
	return int(n)
}

func (f *fields) bytes(n int) []byte {
	if n > len(f.rest) {
		f.bad, f.rest = true, nil
		return nil
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) flag() bool {
	b := f.bytes(1)
	return len(b) == 1 && b[0] == 1
}

func (f *fields) text() string { return string(f.bytes(f.count(1))) }

func (f *fields) key() seriesKey { return seriesKey{f.text(), f.text(), f.text()} }

// end tells whether all was there, and nothing else.
func (f *fields) end() bool { return !f.bad && len(f.rest) == 0 }

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendFlag(dst []byte, set bool) []byte {
	if set {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendKey(dst []byte, k seriesKey) []byte {
	return appendText(appendText(appendText(dst, k.namespace), k.topic), k.device)
}
