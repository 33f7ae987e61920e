package uplink_test

import (
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// newReporting returns an edge that was granted a session and tells how many
// reports it has made by their Held.
func newReporting(t *testing.T) *edgeEnd {
	t.Helper()
	e := newEdge(t, dataplane.RT, uplink.BatchPolicy{}, 0)
	made := uint64(0)
	e.options.Report = func() *dataplane.Report {
		made++
		return &dataplane.Report{
			Started: start0, Time: e.now, Spool: dataplane.SpoolReport{Storage: dataplane.StorageMemory},
			Classes: map[dataplane.Class]dataplane.EdgeCount{dataplane.RT: {Held: made}},
		}
	}
	e.options.Clock = &e.clock
	e.Sender = uplink.NewSender(e.options, e.now)
	e.next() // HELLO
	e.receive(&dataplane.HelloOK{Session: 9, Credit: 1 << 20, Version: 1})
	return e
}

// wantsReport checks that the next frame but PINGs is a report, made now.
func (e *edgeEnd) wantsReport(revision uint64) *dataplane.Control {
	e.t.Helper()
	f := e.next()
	for _, is := f.(*dataplane.Ping); is; _, is = f.(*dataplane.Ping) {
		f = e.next()
	}
	control, is := f.(*dataplane.Control)
	if !is || control.Kind != dataplane.ControlReport || control.Revision != revision || control.Reply {
		e.t.Fatalf("next is %+v: want report %d", f, revision)
	}
	if r, err := dataplane.ParseReport(control.Body); err != nil || !r.Time.Equal(e.now) || r.Classes[dataplane.RT].Held != revision {
		e.t.Fatalf("report %d is %+v, %v", revision, r, err)
	}
	return control
}

// TestSenderReports: at once, then each 10 s whatever else is sent, and when it
// is told to.
func TestSenderReports(t *testing.T) {
	t.Parallel()
	e := newReporting(t)
	control := e.wantsReport(1)
	e.wants(0, 0)
	e.receive(control.Answer(""))
	for i := range uint64(3) {
		e.now = e.Due()
		if want := start0.Add(time.Duration(i+1) * uplink.ReportEvery); !e.now.Equal(want) {
			t.Fatalf("due at %v: want %v", e.now, want)
		}
		e.publish(1)
		e.wantsReport(2 + i)
		e.wants(i+1, i+1)
		e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(i + 1), Credit: 1 << 20})
	}
	e.now = e.now.Add(time.Second)
	e.wants(0, 0)
	e.ReportNow()
	if e.Due().After(e.now) {
		t.Errorf("told to report, due at %v", e.Due())
	}
	e.receive(e.wantsReport(5).Answer("malformed: want more"))
	e.now = e.now.Add(uplink.ReportEvery)
	e.wantsReport(6)
}

// TestSenderLeavesAnOldCloudAlone: one that does not know reports gets no
// second one.
func TestSenderLeavesAnOldCloudAlone(t *testing.T) {
	t.Parallel()
	e := newReporting(t)
	e.receive(e.wantsReport(1).Answer(dataplane.ControlUnsupported))
	e.ReportNow()
	for range 10 {
		e.now = e.now.Add(uplink.ReportEvery)
		for f := e.next(); f != nil; f = e.next() {
			if _, is := f.(*dataplane.Ping); !is {
				t.Fatalf("next is %+v: want PINGs only", f)
			}
		}
		e.receive(&dataplane.Pong{})
	}
}

// TestClocksAreCompared has a Sender whose clock is a minute behind talk to a
// Receiver, with traffic all the time.
func TestClocksAreCompared(t *testing.T) {
	t.Parallel()
	const there, back, behind = 30 * time.Millisecond, 10 * time.Millisecond, time.Minute
	e := newReporting(t)
	c, pings, reports := newCloud(t, uplink.ReceiverOptions{}), 0, 0
	c.greet("p", hello("edge-1/mapper", 1, dataplane.RT, 5))
	for range 100 { // seconds
		var ping *dataplane.Ping
		for f := e.next(); f != nil; f = e.next() {
			switch f := f.(type) {
			case *dataplane.Control:
				reports++
			case *dataplane.Ping:
				pings++
				ping = f
			}
		}
		if ping != nil {
			c.now = e.now.Add(behind + there)
			answers := c.answer("p", ping)
			sent := e.now
			e.now = sent.Add(there + back)
			e.receive(answers[len(answers)-1])
			e.now = sent
		}
		e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(0), Credit: 1 << 20})
		e.now = e.now.Add(time.Second)
	}
	if pings != 10 {
		t.Errorf("%d PINGs in 100 s: want 10, whatever else comes", pings)
	}
	offset, roundTrip, known := e.clock.Offset()
	if want := behind + (there-back)/2; offset != want || roundTrip != there+back || !known {
		t.Errorf("got %v, %v, %v; want %v, %v", offset, roundTrip, known, want, there+back)
	}
	if reports != 11 {
		t.Errorf("%d reports in 100 s: want one more than 10, as soon as the clocks are compared", reports)
	}
	e.receive(&dataplane.Pong{T1: start0.Add(-time.Hour), T2: start0, T3: start0}) // of nobody's PING
	if again, _, _ := e.clock.Offset(); again != offset {
		t.Errorf("a PONG that nobody asked for makes it %v", again)
	}
}
