package uplink_test

import (
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

func TestSenderSendsRTAtOnce(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{MaxCount: 1000, MaxBytes: 1 << 20, MaxAge: time.Hour}, 1)
	e.wants(1, 1)
	e.publish(2)
	e.wants(2, 3) // with what else is waiting
	e.wants(0, 0)
}

func TestSenderCollectsBT(t *testing.T) {
	t.Parallel()
	size := messages(dataplane.BT, 1)[0].Size()
	policy := uplink.BatchPolicy{MaxCount: 10, MaxBytes: 1 << 20, MaxAge: 5 * time.Second}
	t.Run("count", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, policy, 9)
		e.wants(0, 0)
		e.publish(12)
		e.wants(1, 10)
		e.wants(11, 20)
		e.wants(0, 0)
	})
	t.Run("bytes", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, uplink.BatchPolicy{MaxCount: 1000, MaxBytes: 5 * size, MaxAge: time.Hour}, 4)
		e.wants(0, 0)
		e.publish(2)
		e.wants(1, 5)
		e.wants(0, 0)
	})
	t.Run("age", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, policy, 0)
		e.wants(0, 0)
		e.now = e.now.Add(time.Second)
		e.publish(1)
		e.wants(0, 0)
		if want := e.now.Add(5 * time.Second); !e.Due().Equal(want) {
			t.Errorf("due %v: want %v", e.Due(), want)
		}
		e.now = e.now.Add(4 * time.Second)
		e.publish(1)
		e.wants(0, 0)
		e.now = e.now.Add(time.Second)
		e.wants(1, 2)
		e.wants(0, 0)
	})
	t.Run("age of what a full batch left", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, policy, 4)
		e.wants(0, 0)
		e.now = e.now.Add(3 * time.Second)
		e.publish(8)
		e.wants(1, 10)
		e.wants(0, 0)
		e.now = e.now.Add(2 * time.Second)
		e.wants(11, 12)
	})
	t.Run("more than a frame by age", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, uplink.BatchPolicy{MaxCount: 1 << 20, MaxBytes: 1 << 30, MaxAge: time.Second}, 4000)
		e.wants(0, 0)
		e.now = e.now.Add(time.Second)
		first := uint64(8 << 10 / size) // before it is known how well they are packed
		e.wants(1, first)
		e.wants(first+1, first+uint64(256<<10/size))
		e.wants(first+uint64(256<<10/size)+1, 4000)
		e.wants(0, 0)
	})
	t.Run("age runs without credit", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, policy, 1)
		e.receive(&dataplane.Ack{Session: 9, Credit: 0})
		e.wants(0, 0)
		e.now = e.now.Add(6 * time.Second)
		e.wants(0, 0)
		if want := start0.Add(uplink.PingAfter); !e.Due().Equal(want) {
			t.Errorf("due %v: want %v, as nothing can be sent", e.Due(), want)
		}
		e.receive(&dataplane.Ack{Session: 9, Credit: 1})
		e.wants(1, 1)
	})
	t.Run("drain", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, policy, 3)
		e.wants(0, 0)
		e.Drain()
		e.wants(1, 3)
		e.wants(0, 0)
	})
	t.Run("no policy", func(t *testing.T) {
		t.Parallel()
		e := newStreaming(t, dataplane.BT, uplink.BatchPolicy{}, 2)
		e.wants(1, 1)
		e.wants(2, 2)
		e.wants(0, 0)
	})
}
