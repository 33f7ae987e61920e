package client

import (
	"reflect"
	"testing"
	"time"

	"datastub/cloudsvc"
	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

func testLoss() cloudsvc.Gap {
	return cloudsvc.Gap{
		ID: dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.RT, Epoch: 7, Seq: 42, Through: 61, Line: 1},
		Loss: dataplane.Loss{
			Publisher: "edge-1/mapper", Namespace: "default", Topic: "sensor/a", Device: "boiler-1", From: 42, To: 53, Count: 12, Reason: "full",
		},
		Time: clienttest.Time.Add(time.Nanosecond),
	}
}

func TestGaps(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	c := newClient(t, server.URL)
	loss := testLoss()
	server.Lose(loss, loss)
	got, err := c.Gaps(testContext(t), GapQuery{Topic: "sensor/+", Publisher: "edge-1/mapper", Since: clienttest.Time.Local(), Limit: 1})
	want := GapList{More: 1, Complete: true, Gaps: []Gap{{
		ID: "edge-1/mapper/RT/7/42-61.1", Publisher: "edge-1/mapper", Namespace: "default", Topic: "sensor/a", Device: "boiler-1",
		Class: dataplane.RT, From: 42, To: 53, Count: 12, Reason: "full", Time: loss.Time,
	}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := c.Gaps(testContext(t), GapQuery{}); err != nil || len(got.Gaps) != 2 {
		t.Errorf("without a query: got %+v, %v, want both", got, err)
	}
	if _, err := c.Gaps(testContext(t), GapQuery{Limit: -1}); err == nil ||
		err.Error() != `cloudsvc answered 400 Invalid request: limit "-1": want a number from 1 to 10000` {
		t.Errorf("a wrong query: %v", err)
	}
}

// A stream gives a gap as any other message, which tells what was lost.
func TestStreamOfGaps(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	stream, err := newClient(t, server.URL).Subscribe(testContext(t), "sensor/#")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	want := testLoss()
	server.Lose(want)
	event, err := stream.Next()
	if err != nil {
		t.Fatal(err)
	}
	loss, is := event.Loss()
	if !is || loss != want.Loss || event.ID != want.ID || !event.Time.Equal(want.Time) || event.Position == "" {
		t.Errorf("got %s", event.JSON)
	}
}
