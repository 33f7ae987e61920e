package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"datastub/cloudsvc"
	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testTimeout = 20 * time.Second

func newClient(t *testing.T, server string) *Client {
	t.Helper()
	c, err := New(Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func TestNewRefusesServers(t *testing.T) {
	for _, server := range []string{"127.0.0.1:8080", "ftp://x", "http://", "http://x?y=1", "::"} {
		if _, err := New(Options{Server: server}); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:8080") {
			t.Errorf("New(%q): %v", server, err)
		}
	}
}

func TestPublishAndSubscribe(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	c := newClient(t, server.URL+"/")
	ctx := testContext(t)
	stream, err := c.Subscribe(ctx, "sensor/+")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	full := dataplane.Message{
		Topic: "sensor/a", Namespace: "plant", Device: "d", Property: "p", Class: dataplane.RT,
		Value: dataplane.FloatValue(21.3), Unit: "°C", Time: clienttest.Time.Add(time.Nanosecond), Quality: "bad: stuck",
	}
	bare := dataplane.Message{Topic: "sensor/b", Value: dataplane.StringValue("")}
	ids, err := c.Publish(ctx, full, bare)
	if err != nil || len(ids) != 2 {
		t.Fatalf("Publish: %v, %v", ids, err)
	}
	full.ID, bare.ID = ids[0], ids[1]
	bare.Namespace, bare.Device, bare.Class, bare.Time = "default", "http", dataplane.BT, clienttest.Time
	bare.Quality = dataplane.Good
	server.Stop()
	var got []dataplane.Message
	for event, err := range stream.Events() {
		if err != nil {
			checkLast(t, err, got)
			if end := new(Problem); errors.As(err, &end) && stream.Position() != end.Position {
				t.Errorf("goes on at %s, want %s", stream.Position(), end.Position)
			}
			break
		}
		if event.Position == "" || !strings.Contains(string(event.JSON), event.Position) {
			t.Errorf("position %q of %s", event.Position, event.JSON)
		}
		got = append(got, event.Message)
	}
	if want := []dataplane.Message{full, bare}; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// checkLast checks the error that ends a stream at a shutdown.
func checkLast(t *testing.T, err error, got []dataplane.Message) {
	t.Helper()
	var end *Problem
	if !errors.As(err, &end) || end.Type != StreamEnded || end.Position == "" || !end.Temporary() ||
		end.Error() != "cloudsvc ended the stream: cloudsvc is shutting down" {
		t.Errorf("after %d messages: %v", len(got), err)
	}
}

func TestProblems(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	c := newClient(t, server.URL)
	ctx := testContext(t)
	_, subscribeErr := c.Subscribe(ctx, "a/#/b")
	_, publishErr := c.Publish(ctx, dataplane.Message{Topic: "a", Value: dataplane.IntValue(1)}, dataplane.Message{Topic: "a b"})
	_, publishOneErr := c.Publish(ctx, dataplane.Message{Topic: "a"})
	_, nodesErr := c.Nodes(ctx, "a//b")
	_, pathErr := newClient(t, server.URL+"/proxy").Nodes(ctx, "")
	for want, err := range map[string]error{
		`cloudsvc answered 400 Invalid request: topic: filter "a/#/b" has "#" before its end: it is the last level or none`: subscribeErr,
		`cloudsvc answered 400 Invalid request:
  message 2: value is missing
  message 2: topic "a b" has ' ' at byte 1: wildcards, spaces and control characters are not allowed`: publishErr,
		`cloudsvc answered 400 Invalid request: value is missing`:                                                  publishOneErr,
		`cloudsvc answered 400 Invalid request: topic: filter "a//b" has an empty level`:                           nodesErr,
		`cloudsvc answered 404 No such path: there is nothing at this path; GET /openapi.yaml lists what there is`: pathErr,
	} {
		var p *Problem
		if !errors.As(err, &p) || err.Error() != want || p.Temporary() {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	server.Stop()
	var unreachable *url.Error
	if _, err := newClient(t, server.URL).Subscribe(testContext(t), "a"); !errors.As(err, &unreachable) {
		t.Errorf("got %v, want a *url.Error", err)
	}
}

func TestStreamEndsWithContext(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(testContext(t))
	stream, err := newClient(t, server.URL).Subscribe(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := stream.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v, want context.Canceled", err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
}

// TestNodes holds Node to cloudsvc's.
func TestNodes(t *testing.T) {
	server := clienttest.Start(t, "127.0.0.1:0")
	_, err := server.Registry.Register(cloudsvc.Registration{ID: "edge-1/mapper", Address: new("tcp://192.0.2.1:5556"), Topics: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	server.Registry.Seen("edge-1/mapper", "mapper/1.0")
	want := server.Registry.Discover("")[0]
	nodes, err := newClient(t, server.URL).Nodes(testContext(t), "+")
	if err != nil || len(nodes) != 1 {
		t.Fatalf("Nodes: %v, %v", nodes, err)
	}
	want.Detail = "connected"
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var got Node
	if err := decoder.Decode(&got); err != nil {
		t.Errorf("cloudsvc's node: %v", err)
	}
	if again, err := json.Marshal(got); err != nil || string(again) != string(text) {
		t.Errorf("got  %s, %v\nwant %s", again, err, text)
	}
	if got.Detail = ""; !reflect.DeepEqual(nodes[0], got) {
		t.Errorf("got  %+v\nwant %+v", nodes[0], got)
	}
}
