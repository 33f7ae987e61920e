package uplink_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

// modem is a publisher's line to the cloud: what both lanes send waits for its
// turn, first come, first served, and is answered some time after it has passed.
type modem struct {
	t      *testing.T
	rate   float64       // bytes a second
	trip   time.Duration // from when a frame has passed to its answer
	sync   time.Duration // what the log takes for a block, of all that came during the one before; 0: no time
	now    time.Time
	free   time.Time // when all that was sent will have passed
	sent   int       // bytes, of frames
	spool  *spool.Spool
	packer *dataplane.Packer
	pacer  *uplink.Pacer
	lanes  map[dataplane.Class]*modemLane
	noise  *rand.ChaCha8
}

type modemLane struct {
	sender *uplink.Sender
	passed []passing
	pongs  []answer
	got    int           // records acked
	oldest time.Duration // the greatest age of one that arrived
}

type passing struct {
	at   time.Time
	data *dataplane.Data
}

type answer struct {
	at   time.Time
	pong *dataplane.Pong
}

func newModem(t *testing.T, rate float64, o uplink.PacerOptions) *modem {
	t.Helper()
	m := &modem{
		t: t, rate: rate, trip: 40 * time.Millisecond, now: start0, free: start0, packer: newPacker(t), noise: rand.NewChaCha8([32]byte{1}),
		pacer: uplink.NewPacer(o), lanes: make(map[dataplane.Class]*modemLane),
	}
	var err error
	m.spool, err = spool.Open(spool.Options{
		Publisher: "edge-1/mapper", Storage: spool.Storage{MaxBytes: 64 << 20}, Now: func() time.Time { return m.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range dataplane.Classes {
		s := uplink.NewSender(uplink.SenderOptions{
			Publisher: "edge-1/mapper", Lane: c, Queue: m.spool.Lane(c), Packer: m.packer, Pacer: m.pacer,
			Batch: uplink.BatchPolicy{MaxCount: 1000, MaxBytes: 256 << 10, MaxAge: time.Second},
		}, m.now)
		m.lanes[c] = &modemLane{sender: s}
		m.send(c)
		m.receive(c, &dataplane.HelloOK{Session: 9, Credit: 1 << 20, Version: 1})
	}
	return m
}

// publish accepts n messages of random bytes that were read some time ago.
func (m *modem) publish(c dataplane.Class, n, bytes int, age time.Duration) {
	m.t.Helper()
	for range n {
		value := make([]byte, bytes)
		_, _ = m.noise.Read(value)
		err := m.spool.Append([]dataplane.Message{{
			Namespace: "default", Topic: "sensor/" + c.String(), Device: "d", Class: c,
			Value: dataplane.BytesValue(value), Time: m.now.Add(-age),
		}})
		if err != nil {
			m.t.Fatal(err)
		}
	}
}

// pass lets time pass, in steps of a millisecond.
func (m *modem) pass(length time.Duration, each func(step int)) {
	m.t.Helper()
	for step := range int(length / time.Millisecond) {
		m.now = m.now.Add(time.Millisecond)
		each(step)
		for _, c := range dataplane.Classes {
			m.answer(c)
			m.ack(c)
			m.send(c)
		}
	}
}

func (m *modem) send(c dataplane.Class) {
	m.t.Helper()
	for {
		b, err := m.lanes[c].sender.Next(m.now)
		if err != nil {
			m.t.Fatal(err)
		}
		if b == nil {
			return
		}
		m.sent += len(b)
		if m.free.Before(m.now) {
			m.free = m.now
		}
		m.free = m.free.Add(time.Duration(float64(len(b)) / m.rate * float64(time.Second)))
		f, err := dataplane.DecodeFrame(b)
		if err != nil {
			m.t.Fatal(err)
		}
		switch f := f.(type) {
		case *dataplane.Data:
			m.lanes[c].passed = append(m.lanes[c].passed, passing{m.stored(m.free.Add(m.trip)), f})
		case *dataplane.Ping:
			m.lanes[c].pongs = append(m.lanes[c].pongs, answer{m.free.Add(m.trip), &dataplane.Pong{T1: f.T1}})
		}
	}
}

// stored returns when the log has what came at a time.
func (m *modem) stored(came time.Time) time.Time {
	if m.sync == 0 {
		return came
	}
	return came.Truncate(m.sync).Add(2 * m.sync)
}

func (m *modem) answer(c dataplane.Class) {
	m.t.Helper()
	l := m.lanes[c]
	for len(l.pongs) > 0 && !l.pongs[0].at.After(m.now) {
		pong := l.pongs[0].pong
		l.pongs = l.pongs[1:]
		m.receive(c, pong)
	}
}

func (m *modem) ack(c dataplane.Class) {
	m.t.Helper()
	l := m.lanes[c]
	for len(l.passed) > 0 && !l.passed[0].at.After(m.now) {
		data := l.passed[0].data
		l.passed = l.passed[1:]
		batch, err := m.packer.Unpack("edge-1/mapper", data)
		if err != nil {
			m.t.Fatal(err)
		}
		l.got += len(batch.Messages)
		l.oldest = max(l.oldest, m.now.Sub(batch.Messages[0].Time))
		m.receive(c, &dataplane.Ack{Session: 9, Stored: data.Mark(), Durable: data.Mark(), Credit: 1 << 20})
	}
}

func (m *modem) receive(c dataplane.Class, f dataplane.Frame) {
	m.t.Helper()
	if err := m.lanes[c].sender.Receive(f, m.now); err != nil {
		m.t.Fatal(err)
	}
}

// TestPacerKeepsRTFresh has lines of all speeds, each with three times the BT
// that it carries.
func TestPacerKeepsRTFresh(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{4 << 10, 32 << 10, 256 << 10, 1 << 20} {
		t.Run(fmt.Sprintf("%.0f KiB/s", rate/1024), func(t *testing.T) {
			t.Parallel()
			m := newModem(t, rate, uplink.PacerOptions{})
			const length, size = 30 * time.Second, 400
			due := 0.0
			m.pass(length, func(step int) {
				if step%200 == 0 {
					m.publish(dataplane.RT, 1, 8, 0)
				}
				for due += 3 * rate / size / 1000; due >= 1; due-- {
					m.publish(dataplane.BT, 1, size, 0)
				}
			})
			rt, bt := m.lanes[dataplane.RT], m.lanes[dataplane.BT]
			carried := float64(bt.got*size) / length.Seconds() / rate
			t.Logf("RT at most %v old, BT %.0f %% of the line, which is said to carry %d", rt.oldest, 100*carried, m.pacer.Rate())
			if rt.oldest > 1500*time.Millisecond || rt.got < 140 {
				t.Errorf("RT: %d of 150 came, at most %v old", rt.got, rt.oldest)
			}
			if least := 0.7; carried < least {
				t.Errorf("BT had %.0f %% of the line, want at least %.0f", 100*carried, 100*least)
			}
			if got := float64(m.pacer.Rate()); got < 0.5*rate || got > 1.5*rate {
				t.Errorf("the line is said to carry %.0f bytes a second, and carries %.0f", got, rate)
			}
		})
	}
}

// TestPacerSlowLog has a fast line to a log that takes its time: that is not the
// line's, and only the credit bounds what waits for it.
func TestPacerSlowLog(t *testing.T) {
	t.Parallel()
	const rate, size = 16 << 20, 400
	m := newModem(t, rate, uplink.PacerOptions{})
	m.trip, m.sync = time.Millisecond, 100*time.Millisecond
	m.publish(dataplane.BT, 50_000, size, 0)
	m.pass(3*time.Second, func(step int) {
		if step%200 == 0 {
			m.publish(dataplane.RT, 1, 8, 0)
		}
	})
	// The credit is 1 MiB, and a record waits for two blocks.
	if got, least := m.lanes[dataplane.BT].got*size, 10<<20; got < least {
		t.Errorf("%d bytes came in 3 s, want at least %d: the line is said to carry %d a second", got, least, m.pacer.Rate())
	}
	if got := float64(m.pacer.Rate()); got < 0.7*rate {
		t.Errorf("the line is said to carry %.0f bytes a second, and carries %d", got, rate)
	}
}

// TestPacerFindsAnotherRate has a line become slow, and fast again.
func TestPacerFindsAnotherRate(t *testing.T) {
	t.Parallel()
	m := newModem(t, 256<<10, uplink.PacerOptions{})
	m.publish(dataplane.BT, 40_000, 400, 0)
	for _, rate := range []float64{256 << 10, 16 << 10, 256 << 10} {
		m.rate = rate
		m.pass(20*time.Second, func(int) {})
		if got := float64(m.pacer.Rate()); got < 0.6*rate || got > 1.6*rate {
			t.Errorf("the line is said to carry %.0f bytes a second, and carries %.0f", got, rate)
		}
	}
}

// TestPacerMaxRate has a fast line, of which little may be taken.
func TestPacerMaxRate(t *testing.T) {
	t.Parallel()
	const maxRate = 16 << 10
	m := newModem(t, 10<<20, uplink.PacerOptions{MaxRate: maxRate})
	m.publish(dataplane.BT, 10_000, 100, 0)
	m.pass(20*time.Second, func(step int) {
		if step%100 == 0 {
			m.publish(dataplane.RT, 1, 8, 0)
		}
		allowed := maxRate * (1 + float64(step)/1000)
		if float64(m.sent) > allowed {
			t.Fatalf("after %d ms: %d bytes, allowed are %.0f", step, m.sent, allowed)
		}
	})
	if least := 0.7 * maxRate * 20; float64(m.sent) < least {
		t.Errorf("%d bytes in 20 s, want at least %.0f", m.sent, least)
	}
	if rt := m.lanes[dataplane.RT]; rt.oldest > time.Second || rt.got < 195 {
		t.Errorf("RT: %d of 200 came, at most %v old", rt.got, rt.oldest)
	}
}

// TestPacerMaxRateForRTAlone has more RT than may be taken: BT waits.
func TestPacerMaxRateForRTAlone(t *testing.T) {
	t.Parallel()
	m := newModem(t, 10<<20, uplink.PacerOptions{MaxRate: 4 << 10})
	m.publish(dataplane.BT, 100, 100, 0)
	m.publish(dataplane.RT, 1000, 200, 0)
	m.pass(20*time.Second, func(int) {})
	if rt, bt := m.lanes[dataplane.RT].got, m.lanes[dataplane.BT].got; rt < 250 || bt > 15 {
		t.Errorf("%d of RT came and %d of BT", rt, bt)
	}
}

// TestPacerBackfillRate holds back what is old, and only that.
func TestPacerBackfillRate(t *testing.T) {
	t.Parallel()
	m := newModem(t, 10<<20, uplink.PacerOptions{BackfillRate: 16 << 10})
	m.publish(dataplane.BT, 1000, 400, time.Hour)
	m.pass(10*time.Second, func(int) {})
	if got := m.lanes[dataplane.BT].got * 400; got < 100<<10 || got > 180<<10 {
		t.Errorf("%d bytes of old BT in 10 s", got)
	}
	m.pass(30*time.Second, func(int) {})
	if got := m.lanes[dataplane.BT].got; got != 1000 {
		t.Fatalf("%d of 1000 came", got)
	}
	m.publish(dataplane.BT, 5000, 400, 0)
	m.pass(2*time.Second, func(int) {})
	if got := m.lanes[dataplane.BT].got; got != 6000 {
		t.Errorf("%d of 5000 that are new came", got-1000)
	}
}
