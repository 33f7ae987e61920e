package zmq

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
)

// TestPublisherReports: an idle publisher has told how it is, and how its clock
// is; after traffic its counts add up.
func TestPublisherReports(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:"+freePort(t), nil)
	read := dataplane.EdgeCount{Read: 9, Filtered: dataplane.FilteredCount{OnChange: 3}, Refused: 1}
	p := startPublisher(t, PublisherOptions{
		Uplink: c.router.Endpoint(),
		Intake: func(class dataplane.Class) dataplane.EdgeCount {
			if class == dataplane.RT {
				return read
			}
			return dataplane.EdgeCount{}
		},
	})
	eventually(t, "a report of an idle publisher", func() bool { return c.reported() != nil })
	if r := c.reported(); r.Spool != (dataplane.SpoolReport{Storage: dataplane.StorageMemory}) || r.Started.After(r.Time) || len(r.Classes) != 2 {
		t.Errorf("got %+v", r)
	}
	publish(t, p, dataplane.RT, 0, 5)
	eventually(t, "a report that has all", func() bool {
		p.lanes[dataplane.RT].reportNow()
		r := c.reported()
		return r.Clock != nil && r.Classes[dataplane.RT].Sent == 5 && r.Classes[dataplane.RT].Held == 0
	})
	r := c.reported()
	want := read
	want.Accepted, want.Sent, want.Last, want.Epoch = 5, 5, 5, r.Classes[dataplane.BT].Epoch
	if got := r.Classes[dataplane.RT]; got != want || got.Epoch == 0 || got.Read != got.Filtered.Sum()+got.Refused+got.Accepted {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// Both ends have this machine's clock.
	if r.Clock.RoundTrip <= 0 || r.Clock.Offset > r.Clock.RoundTrip/2 || r.Clock.Offset < -r.Clock.RoundTrip/2 {
		t.Errorf("the clocks: got %+v", r.Clock)
	}
	got := counted(t, p.Publisher)
	if got["clock_round_trip_seconds"] == "" || got["clock_offset_seconds"] == "" || got[`uplink_sent_records_total{class="RT"}`] != "5" {
		t.Errorf("metrics: got %v", got)
	}
	p.stop()
}

// TestNodeEvent: what is told of the spool is a message as any other, counted
// as read, and has its reason cut where it is very long.
func TestNodeEvent(t *testing.T) {
	c := startCloud(t, "tcp://127.0.0.1:"+freePort(t), nil)
	p := startPublisher(t, PublisherOptions{
		Uplink: c.router.Endpoint(), Intake: func(dataplane.Class) dataplane.EdgeCount { return dataplane.EdgeCount{} },
	})
	since := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	p.publishEvent(conditionOf(spool.Fault{Why: errors.New(strings.Repeat("ä", 2000)), Since: since, Times: 1}))
	p.publishEvent(conditionOf(spool.Fault{Times: 1}))
	eventually(t, "both events", func() bool { return len(c.messages()) == 2 })
	for i, want := range []struct{ event, reason string }{
		{"spool-in-memory", strings.Repeat("ä", maxReason/2)}, {"spool-on-disk", "the disk can be written to again"},
	} {
		m := c.messages()[i]
		if m.Address() != "default/$events/node/edge-1" || m.Class != dataplane.RT || m.Node != "edge-1" || !m.Quality.IsGood() {
			t.Errorf("got %+v", m)
		}
		text, _ := m.Value.Text()
		var said struct {
			Event, Reason string
			Since         time.Time
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil || said.Event != want.event || said.Reason != want.reason || said.Since.IsZero() {
			t.Errorf("got %s, %v", text, err)
		}
		if i == 0 && !said.Since.Equal(since) {
			t.Errorf("since %v: want %v", said.Since, since)
		}
	}
	if got := p.count(dataplane.RT); got.Read != 2 || got.Accepted != 2 {
		t.Errorf("counted %+v: want both read and accepted", got)
	}
	p.stop()
}
