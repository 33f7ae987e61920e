package dataplane

import (
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// maxRaw is the largest body before compression, in bytes: where compression
// does not help, it must fit into a frame with a DATA's fields around it.
const maxRaw = MaxFrame - 256

// minCompress is the body below which an RT frame is not worth compressing,
// in bytes.
const minCompress = 1024

// A Packer turns batches into the bodies of Data frames and back. It may be
// used from many goroutines.
type Packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewPacker returns a Packer. It holds some memory and no goroutines.
func NewPacker() (*Packer, error) {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(1<<20)) // no batch is larger than that by much
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0), // as many at once as there are cores
		zstd.WithDecoderMaxMemory(maxRaw))
	if err != nil {
		return nil, err
	}
	return &Packer{enc: enc, dec: dec}, nil
}

// Pack returns the batch as a frame, without a session: RT by rows, with S2
// where it helps, BT by columns with Zstandard. It fails if the batch is
// empty or larger than a frame. Messages that Validate would refuse make a
// frame that Unpack refuses.
func (p *Packer) Pack(b *Batch) (*Data, error) {
	if len(b.Messages) == 0 || len(b.Messages) > MaxBatch {
		return nil, fmt.Errorf("pack %d messages: want 1 to %d", len(b.Messages), MaxBatch)
	}
	d := &Data{Lane: b.Class, Epoch: b.Epoch, First: b.First, Last: b.Last(), Codec: Plain}
	raw := make([]byte, 0, 256+16*len(b.Messages)) // mostly enough for numbers
	if b.Class == RT {
		d.Layout, d.Body = Rows, appendRows(raw, b.Messages)
	} else {
		d.Layout, d.Body = Columns, appendColumns(raw, b.Messages)
	}
	if len(d.Body) > maxRaw {
		return nil, fmt.Errorf("pack %d messages: %d bytes are more than %d", len(b.Messages), len(d.Body), maxRaw)
	}
	d.RawSize = uint64(len(d.Body))
	p.compress(d)
	return d, nil
}

// compress compresses a plain body where that makes it smaller.
func (p *Packer) compress(d *Data) {
	var packed []byte
	codec := Plain
	switch {
	case d.Layout == Columns:
		packed, codec = p.enc.EncodeAll(d.Body, nil), Zstd
	case len(d.Body) >= minCompress:
		packed, codec = s2.Encode(nil, d.Body), S2
	}
	if codec != Plain && len(packed) < len(d.Body) {
		d.Body, d.Codec = packed, codec
	}
}

// Unpack returns what a publisher packed, checked: the names are valid, and
// First to Last are as many as the messages.
func (p *Packer) Unpack(publisher string, d *Data) (*Batch, error) {
	raw, err := p.decompress(d)
	if err != nil {
		return nil, fmt.Errorf("%w: DATA %d/%d-%d: %w", ErrMalformed, d.Epoch, d.First, d.Last, err)
	}
	w := wire{rest: raw}
	b := &Batch{Publisher: publisher, Class: d.Lane, Epoch: d.Epoch, First: d.First}
	switch d.Layout {
	case Rows:
		b.Messages = readRows(&w)
	case Columns:
		b.Messages = readColumns(&w)
	default:
		return nil, fmt.Errorf("%w: layout %d", ErrMalformed, d.Layout)
	}
	if err := w.end("the records"); err != nil {
		return nil, err
	}
	if len(b.Messages) == 0 || !d.Lane.Valid() || d.First == 0 || d.Last < d.First || d.Last-d.First != uint64(len(b.Messages))-1 {
		return nil, fmt.Errorf("%w: DATA %v %d-%d holds %d records", ErrMalformed, d.Lane, d.First, d.Last, len(b.Messages))
	}
	b.identify()
	return b, nil
}

// decompress returns the body as it was before compression.
func (p *Packer) decompress(d *Data) ([]byte, error) {
	if d.RawSize > maxRaw {
		return nil, fmt.Errorf("raw size %d is more than %d", d.RawSize, maxRaw)
	}
	raw, err := p.inflate(d)
	if err == nil && uint64(len(raw)) != d.RawSize {
		err = fmt.Errorf("raw size is %d, not %d", len(raw), d.RawSize)
	}
	return raw, err
}

func (p *Packer) inflate(d *Data) ([]byte, error) {
	switch d.Codec {
	case Plain:
		return d.Body, nil
	case Zstd:
		return p.dec.DecodeAll(d.Body, make([]byte, 0, min(d.RawSize, 64*uint64(len(d.Body)))))
	case S2:
		n, err := s2.DecodedLen(d.Body)
		if err != nil {
			return nil, err
		}
		if uint64(n) != d.RawSize { // before memory is taken for it
			return nil, fmt.Errorf("raw size is %d, not %d", n, d.RawSize)
		}
		return s2.Decode(nil, d.Body)
	}
	return nil, fmt.Errorf("codec %d is not known", d.Codec)
}
