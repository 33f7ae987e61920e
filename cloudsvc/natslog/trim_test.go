package natslog

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

// counter is a subscriber to the values 1, 2, 3 …, of which none is missing but
// where a gap is told.
type counter struct {
	last, missed int64
	gap          bool // the line before told of one
	gaps         int
}

func (c *counter) take(t testing.TB, queue [][]byte) {
	t.Helper()
	for line := range bytes.Lines(bytes.Join(queue, nil)) {
		if bytes.Contains(line, []byte(`"topic":"`+dataplane.GapTopic)) {
			c.gaps++
			c.gap = true
			continue
		}
		_, text, _ := bytes.Cut(line, []byte(`"value":`))
		text, _, _ = bytes.Cut(text, []byte(`,`))
		value, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if missed := value - c.last - 1; missed < 0 || c.gap != (missed > 0) {
			t.Fatalf("%d behind %d, a gap was told: %v", value, c.last, c.gap)
		}
		c.missed += value - c.last - 1
		c.last, c.gap = value, false
	}
}

// TestTrimmedUnderSubscriber publishes more than a small stream keeps, faster
// than a subscriber reads: it is told each time that it was overtaken, misses
// nothing else, and has the last value in the end.
func TestTrimmedUnderSubscriber(t *testing.T) {
	t.Parallel()
	const (
		perPublish = 2000
		ahead      = 80  // publishes before the subscriber reads at all: more than its queue holds
		publishes  = 160 // and then one for each time that it reads
	)
	server := runServer(t, clusterOptions(t))
	stream, err := operator(t, server.ClientURL()).CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "RT", Subjects: []string{"ds.rt.*.*"}, Storage: jetstream.FileStorage, MaxBytes: 400 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := startCloud(t, Options{URL: server.ClientURL()})
	defer c.end(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	filter, _ := dataplane.ParseFilter("#")
	s, err := c.Dispatcher().SubscribeFrom(ctx, filter, cloudsvc.Start{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var had counter
	for n := range int64(publishes) {
		messages := make([]dataplane.Message, perPublish)
		for i := range messages {
			messages[i] = dataplane.Message{
				Topic: "a", Namespace: "default", Device: "d", Class: dataplane.RT,
				Value: dataplane.IntValue(n*perPublish + int64(i) + 1), Time: time.Now(),
			}
		}
		if _, err := c.Publish(ctx, "anonymous", messages); err != nil {
			t.Fatal(err)
		}
		if n >= ahead {
			read(ctx, t, s, &had)
		}
	}
	for had.last < publishes*perPublish {
		read(ctx, t, s, &had)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the stream has the blocks %d to %d; %d gaps were told, %d values missed", info.State.FirstSeq, info.State.LastSeq, had.gaps, had.missed)
	if had.gaps == 0 || had.missed == 0 {
		t.Error("the subscriber was not overtaken")
	}
}

func read(ctx context.Context, t testing.TB, s *cloudsvc.Subscription, to *counter) {
	t.Helper()
	queue, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("behind %d: %v", to.last, err)
	}
	to.take(t, queue)
}
