package coap

import (
	"context"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"datastub/driver"
)

// FuzzDecode decodes any payload as any type: what is taken has the point's type,
// and what is refused says so.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("21.5"), "", uint16(message.TextPlain))
	f.Add([]byte(`{"a":[1,{"b":null}]}`), "a.1.b", uint16(message.AppJSON))
	f.Add([]byte("18446744073709551616"), "", uint16(message.AppOctets))
	f.Fuzz(func(t *testing.T, payload []byte, key string, media uint16) {
		a := answer{payload: payload, media: message.MediaType(media), saysMedia: media%2 == 0}
		for _, typ := range types {
			for _, f := range []format{asText, asJSON, asBytes} {
				if (f == asBytes) != (typ == driver.Bytes) {
					continue // no point is like that
				}
				p := &point{typ: typ, format: f, member: key}
				r := p.reading(a)
				if (r.Err == nil) != typ.Holds(r.Value) {
					t.Fatalf("%s of %s: got %v (%T), %v", typ, f, r.Value, r.Value, r.Err)
				}
			}
		}
	})
}

// FuzzSettings reads any settings of a device and of a point: what is taken can
// be asked for.
func FuzzSettings(f *testing.F) {
	f.Add("coap://[::1]:5683", "/a/b?c=d&e", "x.0")
	f.Add("host:70000", "%2F", "..")
	f.Fuzz(func(t *testing.T, address, path, key string) {
		device, err := New(Options{}).Open("fuzz", driver.Settings{"address": address})
		if err != nil {
			return
		}
		defer func() { _ = device.Close() }() // it was never connected
		p, err := device.Point(driver.PointConfig{Type: driver.Int, Settings: driver.Settings{"path": path, "jsonKey": key}})
		if err != nil {
			return
		}
		r := p.(*point).resource
		if _, err := requestOf(r); err != nil {
			t.Fatalf("%v cannot be asked for: %v", r, err)
		}
	})
}

// requestOf makes a request as read does, without a connection.
func requestOf(r resource) ([]byte, error) {
	m := pool.NewMessage(context.Background())
	if err := m.SetupGet(r.path, message.Token{1}, r.options()...); err != nil {
		return nil, err
	}
	m.SetType(message.Confirmable)
	m.SetMessageID(1)
	return m.MarshalWithEncoder(coder.DefaultCoder)
}
