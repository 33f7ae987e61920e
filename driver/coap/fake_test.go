package coap_test

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/coap"
)

// A datagram is a CoAP message as RFC 7252 section 3 lays it out:
//
//	ver·type·tkl  code  message-id  token …  options …  0xFF  payload …
type datagram []byte

const (
	con, ack       = 0x40, 0x60 // version 1 and the type
	empty, content = 0x00, 0x45
)

func (d datagram) typ() byte     { return d[0] & 0xF0 }
func (d datagram) id() []byte    { return d[2:4] }
func (d datagram) token() []byte { return d[4 : 4+d[0]&0x0F] }
func (d datagram) rest() []byte  { return d[4+d[0]&0x0F:] }
func (d datagram) isGet() bool   { return d[1] == 0x01 }
func (d datagram) observes() bool {
	return slices.Equal(d.rest()[:min(1, len(d.rest()))], []byte{0x60})
} // Observe of 0

// answerTo makes a response of options and a payload.
func answerTo(typ byte, id, token, options []byte, payload string) datagram {
	d := append(datagram{typ | byte(len(token)), content}, id...)
	return append(append(append(append(d, token...), options...), 0xFF), payload...)
}

// fake serves each datagram by a function until the test ends, and returns the
// settings of a device.
func fake(t *testing.T, serve func(request datagram, reply func(datagram))) driver.Settings {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil && n >= 4 {
				serve(slices.Clone(buffer[:n]), func(d datagram) { _, _ = conn.WriteTo(d, from) })
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return driver.Settings{"address": conn.LocalAddr().String(), "timeout": "1s"}
}

// A device that has forgotten its observer without a word is asked again when
// what it told last is no longer fresh, under the same token.
func TestObserveAfterMaxAge(t *testing.T) {
	t.Parallel()
	tokens := make(chan []byte, 16) // more than there are
	settings := fake(t, func(request datagram, reply func(datagram)) {
		if request.isGet() && request.observes() {
			tokens <- request.token()
			observeAndMaxAge := []byte{0x61, 1, 0x81, 0} // 1 and 0
			reply(answerTo(ack, request.id(), request.token(), observeAndMaxAge, "7"))
		}
	})
	device, err := coap.New(coap.Options{Rand: func() float64 { return 0 }}).Open("d", settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() }) // after what observes it
	p := point(t, device, driver.Int, driver.Settings{"path": "/x", "observe": true})
	begin := time.Now()
	l := listen(t, device, p, p)
	for range 2 {
		if r := next(t, l.news); r.Value != int64(7) { // of the first and of the second registration
			t.Errorf("got %v, %v", r.Value, r.Err)
		}
		next(t, l.news) // the same point is heard twice
	}
	l.stop()
	if first, second := <-tokens, <-tokens; !slices.Equal(first, second) {
		t.Errorf("registered under %x and %x", first, second)
	}
	if took := time.Since(begin); took < 5*time.Second {
		t.Errorf("asked again after %v: RFC 7641 gives a device 5 s at least", took)
	}
}

// A device that answers later, and in blocks, is read.
func TestSeparateBlocks(t *testing.T) {
	t.Parallel()
	const first, second = "0123456789abcdef", "the end"
	sent := 0
	settings := fake(t, func(request datagram, reply func(datagram)) {
		block2 := func(value byte) []byte { return []byte{0xD1, 23 - 13, value} }
		sent++
		switch {
		case sent > 20:
			t.Errorf("message %d: they send without end", sent)
		case request.typ() == con && request.isGet() && request.rest()[len(request.rest())-1]>>4 == 1: // block 1
			reply(answerTo(ack, request.id(), request.token(), block2(0x10), second))
		case request.typ() == con && request.isGet():
			reply(append(datagram{ack, empty}, request.id()...))
			reply(answerTo(con, []byte{7, 7}, request.token(), block2(0x08), first))
		case request.isGet():
			t.Errorf("a request of type %x: want a confirmable one", request.typ())
		}
	})
	device := open(t, settings)
	if r := read(t, device, point(t, device, driver.String, driver.Settings{"path": "/x"})); r.Value != first+second {
		t.Errorf("got %q, %v", r.Value, r.Err)
	}
}
