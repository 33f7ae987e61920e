package dataplane

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// MaxFrame is the largest frame, in bytes: what a socket takes in.
const MaxFrame = 8 << 20

// Version is the version of the frames that this package writes. It is in
// every frame, and is raised only when a reader of the one before could go
// wrong; new fields need no new version.
const Version = 1

const (
	frameHeader  = 14
	frameTrailer = 4
)

// FrameType says what a frame is.
type FrameType uint8

// The types of frames; each has a Go type of the same name.
const (
	TypeHello    FrameType = 1
	TypeHelloOK  FrameType = 2
	TypeRefuse   FrameType = 3
	TypeData     FrameType = 4
	TypeAck      FrameType = 5
	TypeNack     FrameType = 6
	TypeGap      FrameType = 7
	TypeEpochEnd FrameType = 8
	TypePing     FrameType = 9
	TypePong     FrameType = 10
	TypeControl  FrameType = 11
	TypeBye      FrameType = 12
)

var frameNames = [...]string{
	TypeHello: "HELLO", TypeHelloOK: "HELLO_OK", TypeRefuse: "REFUSE", TypeData: "DATA",
	TypeAck: "ACK", TypeNack: "NACK", TypeGap: "GAP", TypeEpochEnd: "EPOCH_END",
	TypePing: "PING", TypePong: "PONG", TypeControl: "CONTROL", TypeBye: "BYE",
}

// String returns the type's name on paper.
func (t FrameType) String() string {
	if t >= TypeHello && t <= TypeBye {
		return frameNames[t]
	}
	return fmt.Sprintf("FrameType(%d)", uint8(t))
}

// A Frame is one of *Hello, *HelloOK, *Refuse, *Data, *Ack, *Nack, *Gap,
// *EpochEnd, *Ping, *Pong, *Control and *Bye.
type Frame interface {
	// Type returns the frame's type.
	Type() FrameType
	// writeFields writes the fields in rising order of tags.
	writeFields(w *fieldWriter)
	// readField takes one field; a tag that it does not know is skipped.
	readField(tag uint64, w *wire)
	// body and setBody give and take what follows the fields.
	body() []byte
	setBody(b []byte) error
}

// bodiless is a frame without a body.
type bodiless struct{}

func (bodiless) body() []byte { return nil }

// setBody passes over a body, which a later version may add.
func (bodiless) setBody([]byte) error { return nil }

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// AppendFrame appends a frame:
//
//	 0     2         3      4       6            10         14
//	+-----+---------+------+-------+------------+----------+--------+------+--------+
//	| DS  | version | type | flags | fields len | body len | fields | body | CRC32C |
//	+-----+---------+------+-------+------------+----------+--------+------+--------+
//	  2 B     1 B     1 B     2 B       4 B         4 B                       4 B
//
// Numbers are big-endian. Flags are 0, and passed over by readers. Each field
// is a tag, a length and a value; tags and lengths are unsigned varints, tags
// rise, and unknown ones are skipped. The CRC32C (Castagnoli) covers all that
// stands before it.
func AppendFrame(dst []byte, f Frame) []byte {
	start := len(dst)
	body := f.body()
	dst = append(dst, 'D', 'S', Version, byte(f.Type()), 0, 0)
	dst = append(dst, 0, 0, 0, 0) // the fields' length, known below
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	w := fieldWriter{dst: dst}
	f.writeFields(&w)
	dst = w.dst
	binary.BigEndian.PutUint32(dst[start+6:], uint32(len(dst)-start-frameHeader))
	dst = append(dst, body...)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], crcTable))
}

// DecodeFrame reads one frame that is exactly b. A Data's or Control's Body
// stays part of b.
func DecodeFrame(b []byte) (Frame, error) {
	if len(b) < frameHeader+frameTrailer || len(b) > MaxFrame || b[0] != 'D' || b[1] != 'S' {
		return nil, fmt.Errorf("%w: %d bytes are not a frame", ErrMalformed, len(b))
	}
	if b[2] != Version {
		return nil, fmt.Errorf("%w: frame version %d: this is version %d", ErrMalformed, b[2], Version)
	}
	fieldsLen := uint64(binary.BigEndian.Uint32(b[6:]))
	bodyLen := uint64(binary.BigEndian.Uint32(b[10:]))
	if frameHeader+fieldsLen+bodyLen+frameTrailer != uint64(len(b)) {
		return nil, fmt.Errorf("%w: frame of %d bytes declares %d of fields and %d of body", ErrMalformed, len(b), fieldsLen, bodyLen)
	}
	sum := len(b) - frameTrailer
	if crc32.Checksum(b[:sum], crcTable) != binary.BigEndian.Uint32(b[sum:]) {
		return nil, fmt.Errorf("%w: wrong CRC", ErrMalformed)
	}
	f, err := newFrame(FrameType(b[3]))
	if err != nil {
		return nil, err
	}
	if err := readFields(f, b[frameHeader:frameHeader+fieldsLen]); err != nil {
		return nil, fmt.Errorf("%v: %w", f.Type(), err)
	}
	if err := f.setBody(b[frameHeader+fieldsLen : sum : sum]); err != nil {
		return nil, fmt.Errorf("%v: %w", f.Type(), err)
	}
	return f, nil
}

// FrameTypeOf returns the type that a frame says it is of, without reading the
// rest, and 0 where it is too short to say.
func FrameTypeOf(b []byte) FrameType {
	if len(b) < frameHeader {
		return 0
	}
	return FrameType(b[3])
}

func newFrame(t FrameType) (Frame, error) {
	switch t {
	case TypeHello:
		return new(Hello), nil
	case TypeHelloOK:
		return new(HelloOK), nil
	case TypeRefuse:
		return new(Refuse), nil
	case TypeData:
		return new(Data), nil
	case TypeAck:
		return new(Ack), nil
	case TypeNack:
		return new(Nack), nil
	case TypeGap:
		return new(Gap), nil
	case TypeEpochEnd:
		return new(EpochEnd), nil
	case TypePing:
		return new(Ping), nil
	case TypePong:
		return new(Pong), nil
	case TypeControl:
		return new(Control), nil
	case TypeBye:
		return new(Bye), nil
	}
	return nil, fmt.Errorf("%w: unknown frame type %d", ErrMalformed, t)
}

func readFields(f Frame, b []byte) error {
	w := wire{rest: b}
	var last uint64
	for len(w.rest) > 0 && w.err == nil {
		tag := w.uvarint("field tag", 1<<16)
		value := w.bytes("field value", w.uvarint("field length", MaxFrame))
		if w.err != nil {
			break
		}
		if tag <= last {
			return fmt.Errorf("%w: field %d after field %d", ErrMalformed, tag, last)
		}
		last = tag
		field := wire{rest: value}
		f.readField(tag, &field)
		if field.err != nil {
			return fmt.Errorf("field %d: %w", tag, field.err)
		}
	}
	return w.err
}

// fieldWriter appends fields. A zero value is not written: readers start from
// it.
type fieldWriter struct{ dst []byte }

func (w *fieldWriter) uint(tag, v uint64) {
	if v == 0 {
		return
	}
	var b [binary.MaxVarintLen64]byte
	w.bytes(tag, binary.AppendUvarint(b[:0], v))
}

func (w *fieldWriter) int(tag uint64, v int64) {
	if v == 0 {
		return
	}
	var b [binary.MaxVarintLen64]byte
	w.bytes(tag, binary.AppendVarint(b[:0], v))
}

func (w *fieldWriter) text(tag uint64, s string) {
	if s != "" {
		w.bytes(tag, []byte(s))
	}
}

func (w *fieldWriter) bytes(tag uint64, b []byte) {
	if len(b) == 0 {
		return
	}
	w.dst = binary.AppendUvarint(w.dst, tag)
	w.dst = binary.AppendUvarint(w.dst, uint64(len(b)))
	w.dst = append(w.dst, b...)
}

func (w *fieldWriter) mark(tag uint64, m Mark) {
	if m == (Mark{}) {
		return
	}
	var b [2 * binary.MaxVarintLen64]byte
	w.bytes(tag, binary.AppendUvarint(binary.AppendUvarint(b[:0], m.Epoch), m.Seq))
}
