package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

func httpMessage(class dataplane.Class, topic string) dataplane.Message {
	return dataplane.Message{
		Topic: topic, Namespace: "default", Device: "http", Class: class,
		Value: dataplane.IntValue(1), Time: time.Unix(1, 0),
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		var ids []dataplane.ID
		done := make(chan error)
		go func() {
			var err error
			ids, err = c.Publish(t.Context(), "me", []dataplane.Message{
				httpMessage(dataplane.BT, "a"), httpMessage(dataplane.RT, "b"), httpMessage(dataplane.BT, "c"),
			})
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("returned %v before the log did", err)
		default:
		}
		release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, id := range ids {
			got = append(got, fmt.Sprintf("%s %v %d", id.Publisher, id.Class, id.Seq))
		}
		if want := []string{"http/me BT 1", "http/me RT 1", "http/me BT 2"}; !slices.Equal(got, want) {
			t.Errorf("ids: got %q, want %q", got, want)
		}
		if got := log.checkOnce(t); got != 3 {
			t.Errorf("stored: got %d, want 3", got)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if _, err := c.Publish(t.Context(), "me", []dataplane.Message{httpMessage(dataplane.RT, "late")}); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: got %v, want ErrClosed", err)
		}
	})
}

func TestPublishGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Publish(ctx, "me", []dataplane.Message{httpMessage(dataplane.RT, "a")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want deadline exceeded", err)
		}
		if _, err := c.Publish(ctx, "me", []dataplane.Message{httpMessage(dataplane.RT, "late")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want deadline exceeded", err)
		}
		release()
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if got := log.checkOnce(t); got != 1 {
			t.Errorf("stored: got %d, want the one that was accepted", got)
		}
	})
}

// What cannot be stored takes no numbers: subscribers would miss them.
func TestPublishRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.MaxFrame = 64 << 10 })
		first := publishOne(t, c)
		large := httpMessage(dataplane.RT, "a")
		large.Value = dataplane.StringValue(strings.Repeat("incompressible? no matter ", 1<<12))
		noise := httpMessage(dataplane.BT, "a")
		noise.Value = dataplane.BytesValue(randomText(80 << 10))
		for _, messages := range [][]dataplane.Message{{noise}, {large, noise}, slices.Repeat([]dataplane.Message{large}, 100)} {
			if _, err := c.Publish(t.Context(), "me", messages); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d messages: got %v, want ErrTooLarge", len(messages), err)
			}
		}
		if _, err := c.Publish(t.Context(), "no name/at all", []dataplane.Message{large}); err == nil {
			t.Error("an identity that makes no publisher's name was accepted")
		}
		next := publishOne(t, c)
		if next.ID.Seq != first.ID.Seq+1 || next.Seq != first.Seq+1 {
			t.Errorf("after those: got %v and sequence %d, want them to follow %v and %d", next.ID, next.Seq, first.ID, first.Seq)
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// randomText returns bytes that do not compress.
func randomText(n int) []byte {
	b := make([]byte, n)
	x := uint64(1)
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	return b
}

// publishOne publishes a message of class BT as "me", and returns it as it was stored.
func publishOne(t *testing.T, c *cloud) dataplane.Message {
	t.Helper()
	messages := []dataplane.Message{httpMessage(dataplane.BT, "a")}
	ids, err := c.Publish(t.Context(), "me", messages)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != 1 || ids[0] != messages[0].ID {
		t.Fatalf("ids: got %v, want that of %+v", ids, messages[0])
	}
	return messages[0]
}

func TestPublishIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		noise := httpMessage(dataplane.RT, "a")
		noise.Value = dataplane.BytesValue(randomText(900 << 10))
		var requests sync.WaitGroup
		var mu sync.Mutex
		stored, refused := 0, 0
		for range 100 {
			requests.Go(func() {
				_, err := c.Publish(t.Context(), "me", []dataplane.Message{noise})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					stored++
				case errors.Is(err, ErrBusy):
					refused++
				default:
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		release()
		requests.Wait()
		if room := httpBudget / (900 << 10); stored > room || stored < room/2 || stored+refused != 100 {
			t.Errorf("stored %d and refused %d of 100: there is room for %d", stored, refused, room)
		}
		if got := count(t, c.options.Metrics.publishRefused); int(got) != refused {
			t.Errorf("counted: got %v, want %d", got, refused)
		}
		publishOne(t, c) // there is room again
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if got := log.checkOnce(t); int(got) != stored+1 {
			t.Errorf("stored: got %d, want %d", got, stored+1)
		}
	})
}

// Ids and the sequences of a series rise over restarts, on a clock that does
// and on one that is set back.
func TestPublishRisesOverRestarts(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{
		"clock goes on": time.Second, "clock stands": 0, "clock is set back": -100 * time.Hour, "before 1970": -100 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := newMemoryLog()
				clock := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
				var last dataplane.Message
				for range 4 {
					c := startCloud(quiet(t.Context()), t, log, func(o *IngestOptions) { o.Now = func() time.Time { return clock } })
					for range 3 { // more than fit into the microseconds of an epoch
						bulk := slices.Repeat([]dataplane.Message{httpMessage(dataplane.RT, "a")}, 700)
						if _, err := c.Publish(t.Context(), "me", bulk); err != nil {
							t.Fatal(err)
						}
						m := publishOne(t, c)
						if m.Seq <= last.Seq || (dataplane.Mark{Epoch: m.ID.Epoch, Seq: m.ID.Seq}).Compare(dataplane.Mark{Epoch: last.ID.Epoch, Seq: last.ID.Seq}) <= 0 {
							t.Errorf("%v with sequence %d came behind %v with %d", m.ID, m.Seq, last.ID, last.Seq)
						}
						last = m
					}
					if err := c.end(); err != nil {
						t.Fatal(err)
					}
					clock = clock.Add(step)
				}
				log.checkOnce(t)
			})
		})
	}
}
