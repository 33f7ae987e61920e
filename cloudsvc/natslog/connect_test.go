package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

func TestConnectErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, url, want string }{
		{"nobody there", "nats://127.0.0.1:1", "connect to NATS at nats://127.0.0.1:1"},
		{"two, nobody there", "127.0.0.1:1,nats://me:secret@127.0.0.1:2", "nats://127.0.0.1:1,nats://xxxxx@127.0.0.1:2"},
		{"another protocol", "http://me:secret@127.0.0.1:1", "want nats://HOST:PORT"},
		{"no URL", "nats://me:secret@ho st:1", "URL 1 of 1 makes no sense"},
		{"an empty one", "nats://127.0.0.1:1,", "URL 2 of 2 makes no sense"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			l, err := Open(t.Context(), Options{URL: test.url})
			if err == nil {
				l.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want it to say %q and no password", err, test.want)
			}
			if took := time.Since(began); took > 10*connectWait {
				t.Errorf("the error came after %v", took)
			}
		})
	}
}

func TestClusterTakesSmallMessagesOnly(t *testing.T) {
	t.Parallel()
	o := clusterOptions(t)
	o.MaxPayload = 256 << 10
	s := runServer(t, o)
	if _, err := Open(t.Context(), Options{URL: s.ClientURL()}); err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("got %v, want it to name max_payload", err)
	}
}

// TestClusterDefaults takes a server with NATS's own limits.
func TestClusterDefaults(t *testing.T) {
	t.Parallel()
	o := clusterOptions(t)
	o.MaxPayload = 0
	s := runServer(t, o)
	l, err := Open(t.Context(), Options{URL: s.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got, want := l.MaxFrame(), 1<<20-blockRoom; got != want {
		t.Errorf("largest frame: got %d, want %d", got, want)
	}
	if _, err := l.Append(t.Context(), dataplane.RT, 0, make([]byte, l.MaxFrame()+1000)); err != nil {
		t.Errorf("append a block of the largest frame: %v", err)
	}
}

func TestClusterWithoutJetStream(t *testing.T) {
	t.Parallel()
	o := clusterOptions(t)
	o.JetStream = false
	s := runServer(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := Open(ctx, Options{URL: s.ClientURL()}); err == nil || ctx.Err() != nil {
		t.Errorf("got %v, want an error that names JetStream", err)
	}
}

// The server goes away and comes back while blocks are appended, each until it
// is stored: each is there once, in order.
func TestClusterRestartsDuringAppends(t *testing.T) {
	t.Parallel()
	o := clusterOptions(t)
	s := runServer(t, o)
	o.Port = portOf(s)
	l := open(t, Options{URL: s.ClientURL()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var appended, enough atomic.Int64
	enough.Store(1 << 40)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil && appended.Load() < enough.Load() {
			block := fmt.Sprintf("block %d", appended.Load()+1)
			if _, err := l.Append(ctx, dataplane.RT, 0, []byte(block)); err == nil {
				appended.Add(1)
			} else if errors.Is(err, cloudsvc.ErrFenced) {
				t.Error(err)
				return
			}
		}
	}()
	for range 2 {
		before := appended.Load()
		eventually(t, "blocks are appended", func() bool { return appended.Load() >= before+50 || ctx.Err() != nil })
		stopServer(s)
		s = runServer(t, o)
	}
	enough.Store(appended.Load() + 50)
	<-done
	var want []string
	for n := range appended.Load() {
		want = append(want, fmt.Sprintf("%d block %d", n+1, n+1))
	}
	if got := stored(t, l, dataplane.RT, 0); !slices.Equal(got, want) || len(want) < 150 {
		t.Errorf("got %d blocks, want %d, each once and in order", len(got), len(want))
	}
}

// A stream that is there keeps its operator's limits; one that would not do is
// refused.
func TestStreamOfTheOperator(t *testing.T) {
	t.Parallel()
	subjects := []string{"ds.rt.*.*"}
	for _, test := range []struct {
		name   string
		stream jetstream.StreamConfig
		want   string
	}{
		{"other limits", jetstream.StreamConfig{Subjects: subjects, MaxBytes: 12345678}, ""},
		{"memory", jetstream.StreamConfig{Subjects: subjects, Storage: jetstream.MemoryStorage}, "storage"},
		{"other subjects", jetstream.StreamConfig{Subjects: []string{"mine"}}, "subjects"},
		{"a queue", jetstream.StreamConfig{Subjects: subjects, Retention: jetstream.WorkQueuePolicy}, "retention"},
		{"no acks", jetstream.StreamConfig{Subjects: subjects, NoAck: true}, "no_ack"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := runServer(t, clusterOptions(t))
			js := operator(t, s.ClientURL())
			test.stream.Name = "RT"
			if _, err := js.CreateStream(t.Context(), test.stream); err != nil {
				t.Fatal(err)
			}
			l, err := Open(t.Context(), Options{URL: s.ClientURL()})
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want it to name the %s", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			info, err := l.classes[dataplane.RT].stream.Info(t.Context())
			if err != nil || info.Config.MaxBytes != test.stream.MaxBytes {
				t.Errorf("limit: got %v, %v; want it unchanged", info, err)
			}
		})
	}
}

// operator connects as the one who runs the cluster.
func operator(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// A server without room refuses, and takes again when there is some.
func TestStorageExhausted(t *testing.T) {
	t.Parallel()
	o := clusterOptions(t)
	o.JetStreamMaxStore = 16 << 20
	s := runServer(t, o)
	if _, err := Open(t.Context(), Options{URL: s.ClientURL()}); err == nil || !strings.Contains(err.Error(), "stream RT") {
		t.Errorf("streams that do not fit: got %v, want an error that names the stream", err)
	}
	js := operator(t, s.ClientURL())
	for _, c := range dataplane.Classes {
		subjects := []string{"ds." + strings.ToLower(c.String()) + ".*.*"}
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: c.String(), Subjects: subjects}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: deadStream, Subjects: []string{deadSubject + ".*.*"}}); err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{URL: s.ClientURL()})
	block := string(make([]byte, 1<<20))
	var err error
	for range 32 {
		if _, err = l.Append(t.Context(), dataplane.RT, 0, []byte(block)); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("32 MB were stored in 16")
	}
	if err := l.classes[dataplane.RT].stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, dataplane.RT, "there is room again")
	if got := stored(t, l, dataplane.RT, 0); len(got) != 1 || !strings.HasSuffix(got[0], "there is room again") {
		t.Errorf("got %d blocks", len(got))
	}
}
