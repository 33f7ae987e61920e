package modbus_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// timeout is that of each device of an oracle.
const timeout = time.Second

// A fault is what a peer does wrong, and what comes of it. That no value is wrong
// goes without saying.
type fault struct {
	name string
	of   kind
	play []play // of one request after another; then all is well
	want string // what the first error says; empty: there is none
}

// kind is what a fault may befall.
type kind byte

const (
	all kind = iota
	reads
	writes
)

// has tells whether a write, or a read, is of the kind.
func (k kind) has(write bool) bool { return k == all || write == (k == writes) }

// lost is what every error says that is not one point's.
const lost = "device unreachable"

// faults are those of every framing.
var faults = []fault{
	{"another function", reads, []play{answer(func(b []byte) []byte { b[0]++; return b })}, lost},
	{"exception of another function", all, []play{answer(func(b []byte) []byte { return []byte{0x80 | b[0] + 1, 2} })}, lost},
	{"exception 0", all, []play{except(0)}, lost},
	{"long exception", all, []play{answer(func(b []byte) []byte { return []byte{0x80 | b[0], 2, 0} })}, lost},
	{"another unit", all, []play{from(9)}, lost},
	{"byte count too small", reads, []play{answer(func(b []byte) []byte { b[1]--; return b })}, lost},
	{"byte count too large", reads, []play{answer(func(b []byte) []byte { b[1]++; return b })}, lost},
	{"byte count 0", reads, []play{answer(func(b []byte) []byte { return []byte{b[0], 0} })}, lost},
	{"data too short", all, []play{answer(func(b []byte) []byte { return b[:len(b)-1] })}, lost},
	{"data too long", all, []play{answer(func(b []byte) []byte { return append(b, 0) })}, lost},
	{"a register too few", reads, []play{answer(func(b []byte) []byte { b[1] -= 2; return b[:2+b[1]] })}, lost},
	{"a register too many", reads, []play{answer(func(b []byte) []byte { b[1] += 2; return append(b, 0, 0) })}, lost},
	{"another address", writes, []play{answer(func(b []byte) []byte { b[2]++; return b })}, lost},
	{"another value", writes, []play{answer(func(b []byte) []byte { b[4]++; return b })}, lost},
	{"merged frames", all, []play{garble(func(b []byte) []byte { return append(b, b...) })}, lost},
	{"a byte behind", all, []play{garble(func(b []byte) []byte { return append(b, 0x11) })}, lost},
	{"garbage", all, []play{garble(func([]byte) []byte { return make([]byte, 300) })}, lost},
	{"garbage before", all, []play{garble(func(b []byte) []byte { return append([]byte{0x55, 0xAA}, b...) })}, lost},
	{"silence", all, []play{silence}, "no answer in 1"},
	{"silence twice", all, []play{silence, silence}, "no answer in 1"},
	{"late", all, []play{late(timeout + timeout/20)}, "no answer in 1"},
	{"late at the next request", all, []play{late(timeout + 260*time.Millisecond)}, "no answer in 1"},
	{"very late", all, []play{late(10 * timeout)}, "no answer in 1"},
	{"two late", all, []play{late(3 * timeout), late(0)}, "no answer in 1"},
	{"late, then cut", all, []play{late(timeout + 260*time.Millisecond), cut(3, (*socket).Close)}, "no answer in 1"},
	{"again", all, []play{twice(10 * time.Millisecond)}, ""},
	{"a pause before each byte", all, []play{byByte}, ""},
	{"exception 1", reads, []play{except(1)}, "illegal function (exception 1)"},
	{"exception 1 to one function", writes, []play{except(1)}, ""}, // another does it
	{"exception 1 to both", writes, []play{except(1), except(1)}, "illegal function (exception 1)"},
	{"exception 2", all, []play{except(2)}, "illegal data address (exception 2)"},
	{"exception 3", all, []play{except(3)}, "illegal data value (exception 3)"},
	{"exception 4", all, []play{except(4)}, "server device failure (exception 4)"},
	{"exception 5", all, []play{except(5)}, "acknowledge (exception 5)"},
	{"exception 6", all, []play{except(6)}, "server device busy (exception 6)"},
	{"exception 8", all, []play{except(8)}, "memory parity error (exception 8)"},
	{"exception 10", all, []play{except(10)}, "gateway path unavailable (exception 10)"},
	{"exception 11", all, []play{except(11)}, "gateway target device failed to respond (exception 11)"},
	{"exception 255", all, []play{except(255)}, "unknown refusal (exception 255)"},
}

// faultsOfTCP are those of its header, and those that its numbers tell.
var faultsOfTCP = []fault{
	{"in the other order", all, []play{silence, overtake}, "no answer in 1"},
	{"again at the next request", all, []play{twice(260 * time.Millisecond)}, ""},
	{"transaction", all, []play{garble(func(b []byte) []byte { b[0] ^= 0x80; return b })}, "transaction is 32770, want 2"},
	{"protocol", all, []play{set(3, 1)}, "protocol is 1, want 0"},
	{"unit", all, []play{set(6, 9)}, "unit is 9, want 1"},
	{"function", reads, []play{set(7, 99)}, "function is 99, want"},
	{"length too small", all, []play{garble(func(b []byte) []byte { b[5]--; return b })}, "bytes came behind the frame"},
	{"length of nothing", all, []play{set(5, 2)}, "frame is 8 bytes long"},
	{"length too large", all, []play{set(4, 1)}, "frame is 2"},
	{"length of more", all, []play{garble(func(b []byte) []byte { b[5]++; return b })}, "no answer in 1"},
}

// faultsOfRTU are those of its frame, and of the line.
var faultsOfRTU = []fault{
	{"noise before", all, []play{garble(func(b []byte) []byte { return append([]byte{0, 0xFF}, b...) })}, ""},
	{"noise behind", all, []play{garble(func(b []byte) []byte { return append(b, 0, 0xFF) })}, ""},
	{"another unit's before", all, []play{func(x exchange) []step { return append(from(9)(x), obey(x)...) }}, ""},
	{"CRC of another order", all, []play{garble(func(b []byte) []byte {
		n := len(b)
		b[n-2], b[n-1] = b[n-1], b[n-2]
		return b
	})}, lost},
}

// everyFault returns those of a framing.
func (f framing) everyFault() []fault {
	every := slices.Concat(faults, f.cuts())
	if f.numbered {
		return append(every, faultsOfTCP...)
	}
	for at := range longestFrame {
		every = append(every, fault{fmt.Sprintf("a bit at byte %d", at), all, []play{flip(at)}, lost})
	}
	return append(every, faultsOfRTU...)
}

// longestFrame is more than any good answer to one of the operations has.
const longestFrame = 16

// cuts are what may be done at each byte of an answer.
func (f framing) cuts() []fault {
	var every []fault
	for at := range longestFrame {
		every = append(every,
			fault{fmt.Sprintf("closed at byte %d", at), all, []play{cut(at, (*socket).Close)}, f.ended},
			fault{fmt.Sprintf("reset at byte %d", at), all, []play{cut(at, (*socket).Reset)}, "connection reset by peer"},
			fault{fmt.Sprintf("silent at byte %d", at), all, []play{cut(at, nil)}, "no answer in 1"},
			fault{fmt.Sprintf("a pause at byte %d", at), all, []play{split(at)}, ""},
		)
	}
	return every
}

// TestFaults has a peer do everything wrong to everything that is asked of it.
// None of it becomes a wrong value, then or later, and the device comes back.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, f := range framings {
		for _, fault := range f.everyFault() {
			for _, op := range operations {
				if fault.of.has(op.writes()) {
					t.Run(fmt.Sprintf("%s/%s/%v", f.name, fault.name, op), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) { fault.test(t, f, op) })
					})
				}
			}
		}
	}
}

// test meets the fault when an operation is done the second time.
func (f fault) test(t *testing.T, framing framing, op operation) {
	var at atomic.Int32
	o := &oracle{t: t, framing: framing}
	o.play = func(x exchange) []step {
		if n := x.count - int(at.Load()); at.Load() > 0 && n < len(f.play) {
			return f.play[n](x)
		}
		return obey(x)
	}
	d := o.driver()
	one, two := o.unit(t, d, 1), o.unit(t, d, 2)
	if err := one.try(t.Context(), t, op); err != nil {
		t.Fatalf("before the fault: %v", err)
	}
	at.Store(int32(o.count()))
	switch err := one.try(t.Context(), t, op); {
	case f.want == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case f.want != "" && (err == nil || !contains(err, f.want)):
		t.Errorf("got %v, want %q", err, f.want)
	}
	for range 20 { // two are lost, and some are in a back-off
		time.Sleep(timeout / 4)
		_ = one.try(t.Context(), t, op.beside())
		_ = two.try(t.Context(), t, op)
	}
	time.Sleep(time.Minute)
	for _, u := range []*unit{one, two} {
		if err := u.try(t.Context(), t, op); err != nil {
			t.Errorf("unit %d, a minute later: %v", u.id, err)
		}
	}
	o.checkConnections(t, 1)
	one.shut(t)
	two.shut(t)
	time.Sleep(time.Minute) // the peer has said all
}

// TestGivenUpEarly has a caller give up before the timeout. The answer, which
// comes after the timeout, is not taken for that to another request.
func TestGivenUpEarly(t *testing.T) {
	t.Parallel()
	for _, f := range framings {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &oracle{t: t, framing: f}
				o.play = func(x exchange) []step {
					if x.count == 0 {
						return late(timeout * 3 / 2)(x)
					}
					return late(timeout / 20)(x)
				}
				u := o.unit(t, o.driver(), 1)
				op := operations[0]
				ctx, cancel := context.WithTimeout(t.Context(), timeout/5)
				defer cancel()
				if err := u.try(ctx, t, op); err == nil {
					t.Error("got an answer that was late")
				}
				for range 10 {
					time.Sleep(timeout / 4)
					_ = u.try(t.Context(), t, op.beside())
				}
				if err := u.try(t.Context(), t, op); err != nil {
					t.Error(err)
				}
				u.shut(t)
				time.Sleep(time.Minute) // the peer has said all
			})
		})
	}
}
