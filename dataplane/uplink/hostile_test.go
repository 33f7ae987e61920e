package uplink_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// sealed makes a frame of any version, type, fields and body.
func sealed(version, typ byte, fields, body string) []byte {
	b := []byte{'D', 'S', version, typ, 0, 0}
	b = binary.BigEndian.AppendUint32(b, uint32(len(fields)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(append(append(b, fields...), body...), 0, 0, 0, 0)
	if version == dataplane.Version {
		return mend(b)
	}
	return b
}

// TestReceiverRefusesWhatMakesNoSense: it costs a peer its session and is told
// to it, a stranger gets no answer, and the neighbour's records go on.
func TestReceiverRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	const stranger, neighbour = "stranger", "neighbour"
	c := newCloud(t, uplink.ReceiverOptions{})
	session := c.greet(neighbour, hello("edge-2/mapper", 2, dataplane.RT, 5)).Session
	seq := uint64(0)
	check := func(name string, b []byte, text string) {
		t.Helper()
		if replies, a := c.Receive(stranger, bytes.Clone(b), c.now); len(replies) != 0 || a != nil {
			t.Fatalf("%s: a stranger is answered by %+v", name, replies)
		}
		c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5))
		replies, a := c.Receive(peer, bytes.Clone(b), c.now)
		got := one[*dataplane.Refuse](t, framesTo(peer, replies))
		if got.Code != dataplane.RefuseMalformed || !strings.Contains(got.Text, text) || a != nil || len(replies) != 1 {
			t.Fatalf("%s: got %+v, want it to say %q", name, replies, text)
		}
		if c.known(peer) || !c.known(neighbour) {
			t.Fatalf("%s: want the end of this session and of no other", name)
		}
		seq++
		c.accept(neighbour, c.data(session, dataplane.RT, 5, seq, seq))
	}
	for _, tt := range []struct {
		name string
		b    []byte
		text string
	}{
		{"nothing", nil, "malformed: 0 bytes are not a frame"},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "malformed: 27 bytes are not a frame"},
		{"version 2", sealed(2, 1, "", ""), "malformed: frame version 2: this is version 1"},
		{"type 0", sealed(1, 0, "", ""), "malformed: unknown frame type 0"},
		{"type 13", sealed(1, 13, "", ""), "malformed: unknown frame type 13"},
		{"a field of 2^62 bytes", sealed(1, 4, "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x40", ""), "DATA: malformed: field length with 9 bytes left"},
		{"a field behind the end", sealed(1, 4, "\x01\x7f\x01", ""), "DATA: malformed: field value with 1 bytes left"},
		{"2^63 series lost", sealed(1, 7, "", "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "GAP: malformed: series count with 9 bytes left"},
		{"65,536 series lost, in no bytes", sealed(1, 7, "", "\x80\x80\x04"), "GAP: malformed: namespace with 0 bytes left"},
		{"HELLO of nobody", dataplane.AppendFrame(nil, hello("", 1, dataplane.RT, 5)), `publisher "" is not <node>/<mapper>`},
		{"HELLO_OK", dataplane.AppendFrame(nil, &dataplane.HelloOK{}), "HELLO_OK is the cloud's to send"},
		{"ACK", dataplane.AppendFrame(nil, &dataplane.Ack{}), "ACK is the cloud's to send"},
		{"NACK", dataplane.AppendFrame(nil, &dataplane.Nack{}), "NACK is the cloud's to send"},
		{"REFUSE", dataplane.AppendFrame(nil, &dataplane.Refuse{}), "REFUSE is the cloud's to send"},
	} {
		check(tt.name, tt.b, tt.text)
	}
	for _, f := range []dataplane.Frame{
		hello("edge-1/mapper", 1, dataplane.RT, 5), c.data(9, dataplane.RT, 5, 1, 3),
		&dataplane.Gap{Session: 9, Lane: dataplane.RT, Epoch: 5, From: 1, To: 9, Reason: "full"},
		&dataplane.EpochEnd{Session: 9, Epoch: 4, Last: 1}, &dataplane.Ping{T1: start0}, &dataplane.Pong{T1: start0},
		&dataplane.Control{Kind: "interest", Body: []byte("#")}, &dataplane.Bye{Reason: "draining"},
	} {
		b := dataplane.AppendFrame(nil, f)
		for n := range b {
			check(f.Type().String()+" cut", b[:n], "malformed: ")
		}
		b[len(b)-1] ^= 1
		check(f.Type().String()+" with a wrong CRC", b, "malformed: wrong CRC")
	}
}

// TestReceiverRefusesDataThatMakesNoSense sends frames whole in themselves.
func TestReceiverRefusesDataThatMakesNoSense(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(d *dataplane.Data)
		text   string
	}{
		{"raw size of 2^60", func(d *dataplane.Data) { d.RawSize = 1 << 60 }, "raw size 1152921504606846976 is more than 8388352"},
		{"raw size that is not", func(d *dataplane.Data) { d.RawSize++ }, "raw size is "},
		{"codec 9", func(d *dataplane.Data) { d.Codec = 9 }, "codec 9 is not known"},
		{"layout 9", func(d *dataplane.Data) { d.Layout = 9 }, "malformed: layout 9"},
		{"2^53 records", func(d *dataplane.Data) { d.Last = 1 << 53 }, "records 1 to 9007199254740992: want sequences that rise, within 1 and 9007199254740991"},
		{"more records than it says", func(d *dataplane.Data) { d.Last++ }, "DATA RT 1-4 holds 3 records"},
		{"no record", func(d *dataplane.Data) { d.Body, d.RawSize = []byte{0, 0}, 2 }, "holds 0 records"},
		{"65,536 series in no bytes", func(d *dataplane.Data) { d.Body, d.RawSize = []byte{0x80, 0x80, 4}, 3 }, "malformed: namespace with 0 bytes left"},
		{"65,536 records in no bytes", func(d *dataplane.Data) { d.Body, d.RawSize = []byte{0, 0x80, 0x80, 4}, 4 }, "malformed: number of records with 0 bytes left"},
		{"falling sequences", func(d *dataplane.Data) { d.First, d.Last = 3, 1 }, "records 3 to 1: want sequences that rise, within 1 and 9007199254740991"},
		{"another lane", func(d *dataplane.Data) { d.Lane = dataplane.BT }, "records of lane BT in a session of RT"},
		{"an epoch of nobody", func(d *dataplane.Data) { d.Epoch = 6 }, "records of epoch 6: HELLO told of 5 to 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, uplink.ReceiverOptions{})
			d := c.data(c.greet(peer, hello("edge-1/mapper", 1, dataplane.RT, 5)).Session, dataplane.RT, 5, 1, 3)
			tt.change(d)
			got := one[*dataplane.Refuse](t, c.answer(peer, d))
			if got.Code != dataplane.RefuseMalformed || !strings.Contains(got.Text, tt.text) {
				t.Errorf("got %+v, want malformed: %s", got, tt.text)
			}
		})
	}
}

// bomb returns records of which a few KB become many MB.
func (c *cloud) bomb(session, first uint64) *dataplane.Data {
	c.t.Helper()
	batch := &dataplane.Batch{Class: dataplane.BT, Epoch: 5, First: first, Messages: messages(dataplane.BT, dataplane.MaxBatch)}
	for i := range batch.Messages {
		batch.Messages[i].Value = dataplane.StringValue(strings.Repeat("0", 100))
	}
	d, err := c.packer.Pack(batch)
	if err != nil {
		c.t.Fatal(err)
	}
	d.Session = session
	return d
}

// TestReceiverBoundsWeight: neither frames of which compression makes very
// much nor an edge that does not keep to its credit take more memory than may
// be. What is turned away is asked for when there is room, and is not lost.
func TestReceiverBoundsWeight(t *testing.T) {
	t.Parallel()
	c := newCloud(t, uplink.ReceiverOptions{Budget: 64 << 20, MaxWeight: 40 << 20})
	n := c.greet(peer, hello("edge-1/mapper", 1, dataplane.BT, 5)).Session
	var accepted []*uplink.Accepted
	var weight uint64
	first := uint64(1)
	for ; ; first += dataplane.MaxBatch {
		d := c.bomb(n, first)
		replies, a := c.receive(peer, d)
		if a == nil {
			frames := framesTo(peer, replies)
			if len(frames) != 2 || frames[0].(*dataplane.Ack).Credit != 0 || frames[1].(*dataplane.Nack).Expected != mark(5, first) {
				t.Fatalf("beyond the limit: got %+v, want no credit and a NACK of %d", frames, first)
			}
			break
		}
		accepted, weight = append(accepted, a), weight+a.Weight
	}
	if len(accepted) < 2 || weight < 40<<20 || weight > 80<<20 {
		t.Errorf("accepted %d bombs of %d bytes in all, want 40 MiB and one more", len(accepted), weight)
	}
	if got := c.answer(peer, c.bomb(n, first+dataplane.MaxBatch)); len(got) != 0 {
		t.Errorf("what was under way behind it is answered by %+v", got)
	}
	rt := c.greet("rt", hello("edge-2/mapper", 2, dataplane.RT, 5)).Session
	c.accept("rt", c.data(rt, dataplane.RT, 5, 1, 1)) // the other class has its own
	if got := one[*dataplane.Ack](t, framesTo(peer, c.Stored(accepted, c.now))); got.Credit == 0 {
		t.Errorf("once there is room: got %+v, want credit", got)
	}
	c.accept(peer, c.bomb(n, first))
}
