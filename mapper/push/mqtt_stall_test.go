package push

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"go.uber.org/goleak"

	"datastub/mapper"
)

// stall serves one MQTT client up to the first byte after its CONNECT, and reads
// nothing more. It returns where, and a channel that is closed when that byte is
// there.
func stall(t *testing.T) (address string, stalled <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := packets.ReadPacket(conn); err != nil {
			t.Error(err)
		}
		if err := packets.NewControlPacket(packets.Connack).Write(conn); err != nil {
			t.Error(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		close(seen)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	return "tcp://" + l.Addr().String(), seen
}

// A broker that reads nothing holds up the mapper's end no longer than the
// drain, though the library heeds no context while it waits for room.
func TestMQTTStalled(t *testing.T) { // alone, so that it sees which goroutines are its own
	others := goleak.IgnoreCurrent()
	address, stalled := stall(t)
	body := strings.Repeat("x", 16<<20) // more than the kernel takes
	var letters []*letter
	for range 4 {
		letters = append(letters, &letter{mqtt: &mapper.PushMQTT{Topic: "t", QoS: 1}, body: body})
	}
	c := newCourier("edge-1/mapper", address)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.carry(ctx, [][]*letter{letters}) }()
	<-stalled
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was cancelled", err)
		}
	case <-time.After(writeTime - time.Second): // when the library gives up, or before
		t.Error("carry outlives its context")
	}
	for i, l := range letters {
		if l.fate != kept {
			t.Errorf("letter %d: fate %d, want that it is kept", i, l.fate)
		}
	}
	c.close()
	eventually(t, "the library has given up", func() bool { return goleak.Find(others) == nil })
}
