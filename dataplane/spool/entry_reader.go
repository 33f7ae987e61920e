package spool

import "datastub/dataplane/fields"

// entryReader reads the parts of an entry's payload.
type entryReader struct{ fields.Reader }

func newEntryReader(b []byte) entryReader { return entryReader{fields.Reader{Rest: b}} }

func (r *entryReader) flag() bool { return r.Byte() == 1 }

func (r *entryReader) key() seriesKey { return seriesKey{r.Text(), r.Text(), r.Text()} }

func appendKey(dst []byte, k seriesKey) []byte {
	return fields.AppendText(fields.AppendText(fields.AppendText(dst, k.namespace), k.topic), k.device)
}
