package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
	"datastub/dataplane/zmq"
)

func TestMain(m *testing.M) {
	// klog flushes its files in the background for as long as the process runs.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}

// testConfig is a cloudsvc on free ports.
func testConfig(t *testing.T) cloudsvc.Config {
	t.Helper()
	c := cloudsvc.DefaultConfig()
	c.HTTP, c.Uplink, c.Data = "127.0.0.1:0", "tcp://127.0.0.1:*", t.TempDir()
	return c
}

// serve runs a cloudsvc; stop ends it and returns what run did.
func serve(t *testing.T, config cloudsvc.Config) (s *service, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background()) // the test's own ends before its cleanups
	s, err := newService(ctx, config)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1) // run's one result
	go func() { done <- s.run(ctx) }()
	return s, func() error {
		cancel()
		return <-done
	}
}

// TestService takes a message in by the uplink and one over HTTP, delivers
// both, ends in order, and finds both on its next start.
func TestService(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	config := testConfig(t)
	s, stop := serve(t, config)
	c, err := client.New(client.Options{Server: "http://" + s.server.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stream, err := c.Subscribe(ctx, "#")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()

	ids := map[dataplane.ID]bool{publishOnce(t, s.router.Endpoint()): true}
	given, err := c.Publish(ctx, message("from/http"))
	if err != nil {
		t.Fatal(err)
	}
	ids[given[0]] = true
	for range 2 {
		event, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ids[event.ID] {
			t.Errorf("delivered %v, which was not published, or twice", event.ID)
		}
		delete(ids, event.ID)
	}
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	if _, err := stream.Next(); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("the stream's end: got %v, want that cloudsvc is shutting down", err)
	}

	s, stop = serve(t, config)
	at := s.ingest.Dispatcher()
	sub, err := at.Subscribe(mustFilter(t, "#"))
	if err != nil {
		t.Fatal(err)
	}
	if p := sub.Position(); p.RT.Block == 0 || p.BT.Block == 0 {
		t.Errorf("position after a restart: got %+v, want behind a block of each class", p)
	}
	sub.Close()
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
}

func message(topic string) dataplane.Message {
	return dataplane.Message{
		Topic: topic, Namespace: "default", Device: "boiler-1", Class: dataplane.BT,
		Value: dataplane.DoubleValue(21.5), Time: time.Now(),
	}
}

func mustFilter(t *testing.T, text string) dataplane.Filter {
	t.Helper()
	f, err := dataplane.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// publishOnce publishes one RT message as a mapper does, and returns when it
// is stored.
func publishOnce(t *testing.T, endpoint string) dataplane.ID {
	t.Helper()
	p, err := zmq.NewPublisher(zmq.PublisherOptions{
		Node: "edge-1", Mapper: "mapper", Uplink: endpoint, Spool: spool.Storage{MaxBytes: 1 << 20}, Logger: klog.Background(),
		Batch: uplink.BatchPolicy{MaxCount: 1, MaxBytes: 1, MaxAge: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := message("from/uplink")
	m.Class = dataplane.RT
	messages := []dataplane.Message{m}
	if err := p.Publish(messages); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel() // Run delivers what is held, and returns
	if err := p.Run(ended); err != nil {
		t.Fatal(err)
	}
	if n := p.Undelivered(); n != 0 {
		t.Fatalf("undelivered: got %d, want 0", n)
	}
	return messages[0].ID
}

// TestServiceRefused starts cloudsvc where it cannot run: the error says why,
// and nothing stays behind.
func TestServiceRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cases := map[string]struct {
		change func(*cloudsvc.Config)
		want   string
	}{
		"HTTP port taken":   {func(c *cloudsvc.Config) { c.HTTP = taken.Addr().String() }, "serve HTTP at " + taken.Addr().String()},
		"uplink port taken": {func(c *cloudsvc.Config) { c.Uplink = "tcp://" + taken.Addr().String() }, "bind the uplink to tcp://" + taken.Addr().String()},
		"no NATS there":     {func(c *cloudsvc.Config) { c.NATSURL, c.Data = "nats://127.0.0.1:1", "" }, "NATS"},
		"data is a file":    {func(c *cloudsvc.Config) { c.Data = "service_test.go" }, "service_test.go"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			config := testConfig(t)
			tc.change(&config)
			_, err := newService(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestFolderInUse has a second cloudsvc on the same folder: it is told whose it is.
func TestFolderInUse(t *testing.T) {
	config := testConfig(t)
	_, stop := serve(t, config)
	if _, err := newService(t.Context(), config); err == nil || !strings.Contains(err.Error(), "is used by another cloudsvc") {
		t.Errorf("got %v, want that the folder is used by another cloudsvc", err)
	}
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
}
