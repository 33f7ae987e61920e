package dataplane

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// maxRaw is the largest body before compression, in bytes: where compression
// does not help, it must fit into a frame with a DATA's fields around it.
const maxRaw = MaxFrame - 256

// minCompress is the body below which an RT frame is not worth compressing,
// in bytes.
const minCompress = 1024

// minSqueeze is the same where the link is scarce.
const minSqueeze = 128

// A Packer turns batches into the bodies of Data frames and back. It may be
// used from many goroutines.
type Packer struct {
	enc     *zstd.Encoder
	squeeze func() (*zstd.Encoder, error) // made when it is first needed
	dec     *zstd.Decoder
}

// NewPacker returns a Packer. It holds some memory and no goroutines.
func NewPacker() (*Packer, error) {
	enc, err := newEncoder(zstd.SpeedDefault)
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0), // as many at once as there are cores
		zstd.WithDecoderMaxMemory(maxRaw))
	if err != nil {
		return nil, err
	}
	// The level above takes 37 MiB, and makes frames of readings no smaller.
	squeeze := func() (*zstd.Encoder, error) { return newEncoder(zstd.SpeedBetterCompression) }
	return &Packer{enc: enc, dec: dec, squeeze: sync.OnceValues(squeeze)}, nil
}

func newEncoder(level zstd.EncoderLevel) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(level),
		zstd.WithWindowSize(1<<20)) // no batch is larger than that by much
}

// Pack returns the batch as a frame, without a session: RT by rows, with S2
// where it helps, BT by columns with Zstandard. It fails if the batch is
// empty or larger than a frame. Messages that Validate would refuse make a
// frame that Unpack refuses.
func (p *Packer) Pack(b *Batch) (*Data, error) {
	d, err := layOut(b)
	if err != nil {
		return nil, err
	}
	switch {
	case d.Layout == Columns:
		d.replace(p.enc.EncodeAll(d.Body, nil), Zstd)
	case len(d.Body) >= minCompress:
		d.replace(s2.Encode(nil, d.Body), S2)
	}
	return d, nil
}

// Squeeze does what Pack does for a link that is slower than the processor: RT
// is compressed with Zstandard too, and BT harder. It takes some 5 MiB of memory
// once.
func (p *Packer) Squeeze(b *Batch) (*Data, error) {
	d, err := layOut(b)
	if err != nil {
		return nil, err
	}
	enc, err := p.squeeze()
	if err != nil {
		return nil, err
	}
	if len(d.Body) >= minSqueeze {
		d.replace(enc.EncodeAll(d.Body, nil), Zstd)
	}
	return d, nil
}

// layOut returns the batch as a frame that is not compressed.
func layOut(b *Batch) (*Data, error) {
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
	return d, nil
}

// replace takes a compressed body where it is smaller.
func (f *Data) replace(packed []byte, codec Codec) {
	if len(packed) < len(f.Body) {
		f.Body, f.Codec = packed, codec
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
