package cloudsvc

import "datastub/dataplane/fields"

// blockReader reads the fields of a block's header or of a snapshot of marks;
// after the first failure all is zero.
type blockReader struct{ fields.Reader }

func newBlockReader(b []byte) blockReader { return blockReader{fields.Reader{Rest: b}} }

// bool reads a byte that is 0 or 1.
func (r *blockReader) bool() bool {
	b := r.Byte()
	r.Failed = r.Failed || b > 1
	return b == 1
}
