package uplink_test

import (
	"testing"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// TestCounts follows a lane through a NACK and a refusal.
func TestCounts(t *testing.T) {
	t.Parallel()
	e := newStreaming(t, dataplane.RT, uplink.BatchPolicy{}, 4)
	counts := &e.counts
	e.wants(1, 4)
	sent := counts.Stats()
	if sent.Sessions != 1 || sent.Frames != 1 || sent.Bytes == 0 || sent.Unacked != sent.Bytes || sent.Credit != 1<<20 || sent.Resent != 0 || sent.Records != 4 {
		t.Errorf("sent: got %+v", sent)
	}
	e.receive(&dataplane.Nack{Session: 9, Expected: e.mark(1)})
	e.publish(2)
	e.wants(1, 6)
	e.receive(&dataplane.Ack{Session: 9, Stored: e.mark(6), Credit: 5})
	again := counts.Stats()
	if again.Nacks != 1 || again.Frames != 2 || again.Resent != 1 || again.Records != 6 || again.Acks != 1 || again.Unacked != 0 || again.Credit != 5 {
		t.Errorf("sent again: got %+v", again)
	}
	ends(t, e.Receive(&dataplane.Refuse{Code: dataplane.RefuseSuperseded, Text: "x"}, start0), "refused by cloudsvc (superseded): x")
	counts.Ended()
	if ended := counts.Stats(); ended.Refused != 1 || ended.Credit != 0 {
		t.Errorf("ended: got %+v", ended)
	}
}
