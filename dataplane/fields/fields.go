// Package fields reads and writes the parts of what DataStub keeps in files and
// blocks: numbers as unsigned varints or big-endian, and texts as a length, an
// unsigned varint, and as many bytes.
package fields

import "encoding/binary"

// A Reader reads parts one after the other. What is read behind the first that
// is not there is zero.
type Reader struct {
	Rest   []byte // what was not read yet
	Failed bool   // something was not there, or, to who sets it, makes no sense
}

// Bytes reads so many bytes, which stay part of Rest.
func (r *Reader) Bytes(n uint64) []byte {
	if n > uint64(len(r.Rest)) {
		r.fail()
		return nil
	}
	b := r.Rest[:n]
	r.Rest = r.Rest[n:]
	return b
}

// Uvarint reads an unsigned varint.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Uint64 reads 8 bytes, big-endian.
func (r *Reader) Uint64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Count reads how many of something follow, each of which takes at least so
// many bytes: never more than there can be.
func (r *Reader) Count(each int) int {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)/each) {
		r.fail()
		return 0
	}
	return int(n)
}

// Text reads a text.
func (r *Reader) Text() string { return string(r.Bytes(r.Uvarint())) }

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// End tells whether all was there, and nothing else.
func (r *Reader) End() bool { return !r.Failed && len(r.Rest) == 0 }

func (r *Reader) fail() { r.Failed, r.Rest = true, nil }

// AppendText appends what Text reads.
func AppendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// AppendBool appends a byte that is 0 or 1.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}
