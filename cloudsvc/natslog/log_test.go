package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

func TestLogKeepsBlocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openFolder(t, dir)
	appendAll(t, l, 1, 3)
	mustAppend(t, l, dataplane.BT, "of the other class")
	l.Close()

	l = openFolder(t, dir)
	appendAll(t, l, 4, 4)
	want := []string{"1 block 1", "2 block 2", "3 block 3", "4 block 4"}
	if got := stored(t, l, dataplane.RT, 0); !slices.Equal(got, want) {
		t.Errorf("RT: got %q, want %q", got, want)
	}
	if got := stored(t, l, dataplane.RT, 2); !slices.Equal(got, want[2:]) {
		t.Errorf("RT behind 2: got %q, want %q", got, want[2:])
	}
	if got := stored(t, l, dataplane.RT, 4); len(got) != 0 {
		t.Errorf("RT behind its end: got %q, want nothing", got)
	}
	if got := stored(t, l, dataplane.BT, 0); !slices.Equal(got, []string{"1 of the other class"}) {
		t.Errorf("BT: got %q", got)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	check := func(when string, wantFirst, wantLast uint64) {
		t.Helper()
		first, last, err := l.Ends(t.Context(), dataplane.RT)
		if err != nil || first != wantFirst || last != wantLast {
			t.Errorf("%s: got %d to %d, %v, want %d to %d", when, first, last, err, wantFirst, wantLast)
		}
	}
	check("a new log", 1, 0)
	appendAll(t, l, 1, 3)
	check("after three blocks", 1, 3)
	stream := l.classes[dataplane.RT].stream
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(3)); err != nil {
		t.Fatal(err)
	}
	check("after two expired", 3, 3)
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after all expired", 4, 3)
}

// A replay tells when a block was stored, by the clock of the log.
func TestReplayTellsTimes(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	begun := time.Now()
	appendAll(t, l, 1, 2)
	ended := time.Now()
	last := begun
	err := l.Replay(t.Context(), dataplane.RT, 0, func(seq uint64, stored time.Time, _ []byte) error {
		if stored.Before(last) || stored.After(ended) {
			t.Errorf("block %d was stored at %v, want %v to %v", seq, stored, last, ended)
		}
		last = stored
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// An append whose answer was lost was stored by somebody that cannot be told
// from the log itself.
func TestAppendAgainStoresOnce(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	mustAppend(t, l, dataplane.RT, "before")
	behindItsBack(t, l, "the block")
	if got, want := mustAppend(t, l, dataplane.RT, "the block"), uint64(2); got != want {
		t.Errorf("sequence: got %d, want %d", got, want)
	}
	mustAppend(t, l, dataplane.RT, "after")
	want := []string{"1 before", "2 the block", "3 after"}
	if got := stored(t, l, dataplane.RT, 0); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecondWriterIsFenced(t *testing.T) {
	t.Parallel()
	s := runServer(t, clusterOptions(t))
	one, other := open(t, Options{URL: s.ClientURL()}), open(t, Options{URL: s.ClientURL()})
	mustAppend(t, one, dataplane.RT, "of one")
	if _, err := other.Append(t.Context(), dataplane.RT, 0, []byte("of the other")); !errors.Is(err, cloudsvc.ErrFenced) {
		t.Errorf("append of another writer: got %v, want ErrFenced", err)
	}
	if got := stored(t, one, dataplane.RT, 0); !slices.Equal(got, []string{"1 of one"}) {
		t.Errorf("got %q", got)
	}
}

// Limits may take all blocks of a class that is quiet for long, while cloudsvc
// runs.
func TestAppendBehindBlocksThatExpired(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	appendAll(t, l, 1, 3)
	if err := l.classes[dataplane.RT].stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := mustAppend(t, l, dataplane.RT, "anew"), uint64(4); got != want {
		t.Errorf("sequence: got %d, want %d", got, want)
	}
	mustAppend(t, l, dataplane.RT, "and on")
	want := []string{"4 anew", "5 and on"}
	if got := stored(t, l, dataplane.RT, 2); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A server that lost power may come back without its last blocks, or without
// any.
func TestAppendToALogThatLostItsEnd(t *testing.T) {
	t.Parallel()
	for _, kept := range []int{0, 2} {
		t.Run(fmt.Sprintf("%d of 3 kept", kept), func(t *testing.T) {
			t.Parallel()
			l := openFolder(t, t.TempDir())
			appendAll(t, l, 1, 3)
			c := l.classes[dataplane.RT]
			if err := l.js.DeleteStream(t.Context(), "RT"); err != nil {
				t.Fatal(err)
			}
			again, err := openClass(t.Context(), l.js, dataplane.RT, maxAge, maxBytes)
			if err != nil {
				t.Fatal(err)
			}
			l.classes[dataplane.RT] = again
			appendAll(t, l, 1, kept)
			again.last = c.last
			if _, err := l.Append(t.Context(), dataplane.RT, 0, []byte("block 4")); !errors.Is(err, cloudsvc.ErrTruncated) {
				t.Errorf("got %v, want ErrTruncated", err)
			}
			if got := stored(t, l, dataplane.RT, 0); len(got) != kept {
				t.Errorf("got %q, want %d blocks", got, kept)
			}
		})
	}
}

func TestAppendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, dataplane.RT, 0, []byte("late")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestAppendLargestFrame(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	if got, want := l.MaxFrame(), dataplane.MaxFrame; got != want {
		t.Errorf("largest frame: got %d, want %d", got, want)
	}
	block := make([]byte, l.MaxFrame()+blockRoom)
	if _, err := l.Append(t.Context(), dataplane.BT, 0, block); err != nil {
		t.Error(err)
	}
}

// behindItsBack stores a block of class RT as an append does whose answer is
// lost.
func behindItsBack(t *testing.T, l *Log, block string) {
	t.Helper()
	c := l.classes[dataplane.RT]
	_, err := l.js.Publish(t.Context(), c.subject(0), []byte(block), jetstream.WithExpectLastSequence(c.last))
	if err != nil {
		t.Fatal(err)
	}
}

func TestReplayOfHoles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		removed []uint64
		after   uint64
		want    []string
	}{
		{"first", []uint64{1, 2}, 0, []string{"3 block 3", "4 block 4"}},
		{"middle", []uint64{2, 3}, 1, []string{"4 block 4"}},
		{"last", []uint64{4}, 0, []string{"1 block 1", "2 block 2", "3 block 3"}},
		{"all that is asked for", []uint64{3, 4}, 2, nil},
		{"all", []uint64{1, 2, 3, 4}, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := openFolder(t, t.TempDir())
			appendAll(t, l, 1, 4)
			for _, seq := range test.removed {
				if err := l.classes[dataplane.RT].stream.DeleteMsg(t.Context(), seq); err != nil {
					t.Fatal(err)
				}
			}
			if got := stored(t, l, dataplane.RT, test.after); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Blocks may expire while a replay is on its way to them.
func TestReplayEndsWhenTheRestIsGone(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	large := string(make([]byte, 200<<10))
	for range 100 { // more than a consumer fetches at once
		mustAppend(t, l, dataplane.RT, large)
	}
	last := uint64(0)
	err := l.Replay(t.Context(), dataplane.RT, 0, func(seq uint64, _ time.Time, _ []byte) error {
		if last = seq; seq == 1 {
			return l.classes[dataplane.RT].stream.Purge(t.Context())
		}
		return nil
	})
	if err != nil {
		t.Errorf("after block %d: %v", last, err)
	}
}

func TestReplayErrors(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	appendAll(t, l, 1, 2)
	none := func(uint64, time.Time, []byte) error { return nil }
	if err := l.Replay(t.Context(), dataplane.RT, 3, none); !errors.Is(err, cloudsvc.ErrTruncated) {
		t.Errorf("behind more than there is: got %v, want ErrTruncated", err)
	}
	enough := errors.New("enough")
	if err := l.Replay(t.Context(), dataplane.RT, 0, func(uint64, time.Time, []byte) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("visit's error: got %v, want %v", err, enough)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := l.Replay(ctx, dataplane.RT, 0, func(uint64, time.Time, []byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

func TestCloseEndsAnAppend(t *testing.T) {
	t.Parallel()
	o := clusterOptions(t)
	s := runServer(t, o)
	l := open(t, Options{URL: s.ClientURL()})
	stopServer(s)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l.Close()
	if _, err := l.Append(ctx, dataplane.RT, 0, []byte("late")); err == nil || ctx.Err() != nil {
		t.Errorf("append to a closed log: got %v, want an error at once", err)
	}
}

// TestBefore finds blocks by when they were stored, and leaves no consumers.
func TestBefore(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	if seq, err := l.Before(t.Context(), dataplane.RT, time.Now()); err != nil || seq != 0 {
		t.Errorf("of an empty log: got %d, %v, want 0", seq, err)
	}
	appendAll(t, l, 1, 5)
	times := map[uint64]time.Time{}
	err := l.Replay(t.Context(), dataplane.RT, 0, func(seq uint64, at time.Time, _ []byte) error {
		times[seq] = at
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for want, at := range map[uint64]time.Time{0: times[1], 3: times[4], 5: times[5].Add(time.Nanosecond)} {
		if seq, err := l.Before(t.Context(), dataplane.RT, at); err != nil || seq != want {
			t.Errorf("before %v: got %d, %v, want %d", at, seq, err, want)
		}
	}
	info, err := l.classes[dataplane.RT].stream.Info(t.Context())
	if err != nil || info.State.Consumers != 0 {
		t.Errorf("consumers left: got %d, %v, want none", info.State.Consumers, err)
	}
}
