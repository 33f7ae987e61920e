package modbus

import (
	"net"
	"testing"
	"testing/synctest"
)

// TestNumbersComeAgain has a number that was given up 65,536 requests ago be the
// request's again: its answer is one.
func TestNumbersComeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		m := newMBAP(here)
		m.giveUp(7)
		m.giveUp(8)
		go func() {
			request := make([]byte, maxFrame)
			_, _ = there.Read(request)
			_, _ = there.Write([]byte{0, 7, 0, 0, 0, 5, 1, 3, 2, 0, 9})
			_ = there.Close()
		}()
		reply, err := m.Send([]byte{0, 7, 0, 0, 0, 6, 1, 3, 0, 7, 0, 1})
		if err != nil || len(reply) != 11 {
			t.Errorf("got % x, %v, want the answer", reply, err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzReply gives any bytes as the answer to a read of two registers: they are
// refused, or are the frame that the request asks for, whole.
func FuzzReply(f *testing.F) {
	request := []byte{0, 1, 0, 0, 0, 6, 1, 3, 0, 7, 0, 2}
	f.Add([]byte{0, 1, 0, 0, 0, 7, 1, 3, 4, 0, 7, 0, 8})
	f.Add([]byte{0, 1, 0, 0, 0, 3, 1, 0x83, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		m := mbap{unread: data}
		reply, err := m.take()
		if err != nil || reply == nil {
			return
		}
		if err := checkReply(request, reply); err != nil {
			return
		}
		if values := len(reply) == 13 && reply[8] == 4; !values && len(reply) != 9 {
			t.Fatalf("% x was taken for the answer", reply)
		}
	})
}
