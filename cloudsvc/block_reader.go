package cloudsvc

import "encoding/binary"

// blockReader reads the fields of a block's header or of a snapshot of marks;
// after the first failure all is zero.
type blockReader struct {
	rest   []byte
	failed bool
}

func (r *blockReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *blockReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *blockReader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text reads a length as unsigned varint and as many bytes.
func (r *blockReader) text() string { return string(r.bytes(r.uvarint())) }

func (r *blockReader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// bool reads a byte that is 0 or 1.
func (r *blockReader) bool() bool {
	b := r.byte()
	r.failed = r.failed || b > 1
	return b == 1
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}
