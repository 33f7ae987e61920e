package fields

import (
	"encoding/binary"
	"testing"
)

func TestReader(t *testing.T) {
	t.Parallel()
	b := AppendText(binary.AppendUvarint(nil, 300), "häagen")
	b = AppendBool(AppendBool(binary.BigEndian.AppendUint64(b, 7), true), false)
	b = append(binary.AppendUvarint(b, 2), "abcd"...)
	r := Reader{Rest: b}
	if n, text, seven, yes, no := r.Uvarint(), r.Text(), r.Uint64(), r.Byte(), r.Byte(); n != 300 || text != "häagen" || seven != 7 || yes != 1 || no != 0 {
		t.Errorf("got %d %q %d %d %d", n, text, seven, yes, no)
	}
	if n, rest := r.Count(2), string(r.Bytes(4)); n != 2 || rest != "abcd" || !r.End() {
		t.Errorf("got %d of %q, at the end: %v", n, rest, r.End())
	}
	for name, read := range map[string]func(*Reader) bool{
		"bytes":  func(r *Reader) bool { return r.Bytes(3) == nil },
		"uint64": func(r *Reader) bool { return r.Uint64() == 0 },
		"text":   func(r *Reader) bool { return r.Text() == "" },
		"count":  func(r *Reader) bool { return r.Count(1) == 0 },
	} {
		r := Reader{Rest: []byte{2, 0}}
		if !read(&r) || !r.Failed || r.End() || r.Byte() != 0 || r.Uvarint() != 0 {
			t.Errorf("%s of what is cut short: got %+v", name, r)
		}
	}
}
