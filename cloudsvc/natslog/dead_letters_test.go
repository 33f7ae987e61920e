package natslog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
)

// letter is a dead letter of a subscription, tried so often.
func letter(subscription string, n, tries int) *cloudsvc.DeadLetter {
	return &cloudsvc.DeadLetter{
		ID: fmt.Sprintf("dl_%s%d", subscription, n), Subscription: subscription, MessageID: fmt.Sprintf("edge.1/m/RT/1/%d", n),
		Tries: tries, Message: json.RawMessage(`{"value":1}`),
	}
}

func mustBury(t *testing.T, l *Log, letters ...*cloudsvc.DeadLetter) {
	t.Helper()
	for _, d := range letters {
		if err := l.Bury(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// keptLetters returns those of a subscription, "<message> <tries>" each.
func keptLetters(t *testing.T, l *Log, subscription string) []string {
	t.Helper()
	var all []string
	for after := uint64(0); ; {
		kept, err := l.NextLetter(t.Context(), subscription, after)
		if errors.Is(err, cloudsvc.ErrNoSuchLetter) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %d", kept.MessageID, kept.Tries))
		after = kept.Place
	}
}

func wantLetters(t *testing.T, l *Log, subscription string, want ...string) {
	t.Helper()
	if got := keptLetters(t, l, subscription); !slices.Equal(got, want) {
		t.Errorf("dead letters of %q: %q, want %q", subscription, got, want)
	}
}

func TestDeadLettersAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openFolder(t, dir)
	mustBury(t, l, letter("a", 1, 3), letter("b", 2, 3), letter("a", 3, 3))
	mustBury(t, l, letter("a", 1, 4)) // again
	l.Close()
	l = openFolder(t, dir)
	wantLetters(t, l, "", "edge.1/m/RT/1/2 3", "edge.1/m/RT/1/3 3", "edge.1/m/RT/1/1 4")
	wantLetters(t, l, "a", "edge.1/m/RT/1/3 3", "edge.1/m/RT/1/1 4")
	kept, err := l.Letter(t.Context(), "dl_b2")
	if err != nil || string(kept.Message) != `{"value":1}` || kept.Place != 2 {
		t.Errorf("Letter: %+v, %v, want the one of b", kept, err)
	}
	if _, err := l.Letter(t.Context(), "dl_b1"); !errors.Is(err, cloudsvc.ErrNoSuchLetter) {
		t.Errorf("Letter: %v, want %v", err, cloudsvc.ErrNoSuchLetter)
	}
}

func TestDeadLettersAreDropped(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	mustBury(t, l, letter("a", 1, 1), letter("b", 1, 1), letter("b", 2, 1))
	for range 2 { // what is gone can go again
		if err := l.DropLetter(t.Context(), 2); err != nil {
			t.Errorf("DropLetter: %v", err)
		}
		if err := l.DropLetters(t.Context(), "a"); err != nil {
			t.Errorf("DropLetters: %v", err)
		}
	}
	wantLetters(t, l, "", "edge.1/m/RT/1/2 1")
}

// TestRebury changes a letter that is there, and one that was dropped or changed
// meanwhile: these stay as they are.
func TestRebury(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	mustBury(t, l, letter("a", 1, 1), letter("a", 2, 1), letter("a", 3, 1))
	if err := l.DropLetter(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for n, place := range map[int]uint64{1: 1, 2: 2, 3: 7} {
		if err := l.Rebury(t.Context(), &cloudsvc.KeptLetter{DeadLetter: *letter("a", n, 2), Place: place}); err != nil {
			t.Errorf("Rebury %d: %v", n, err)
		}
	}
	wantLetters(t, l, "a", "edge.1/m/RT/1/3 1", "edge.1/m/RT/1/1 2")
}

func TestDeadLettersHaveAnEnd(t *testing.T) {
	t.Parallel()
	l := openFolder(t, t.TempDir())
	config := l.letters.CachedInfo().Config
	config.MaxBytes = 4096
	var err error
	if l.letters, err = l.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		err = l.Bury(t.Context(), letter("a", n, 1))
	}
	if !errors.Is(err, cloudsvc.ErrLettersFull) || n < 5 {
		t.Fatalf("Bury %d: %v, want %v", n, err, cloudsvc.ErrLettersFull)
	}
	if err := l.DropLetter(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	mustBury(t, l, letter("a", n-1, 1))
}

// TestDeadLettersHaveTheRoomAskedFor restarts with other limits: what is there stays
// until the next one comes, which is refused until there is room.
func TestDeadLettersHaveTheRoomAskedFor(t *testing.T) {
	t.Parallel()
	const large, small = 1 << 30, 16 << 20
	dir := t.TempDir()
	with := func(bytes int64) *Log {
		return open(t, Options{Dir: dir, Logger: klog.Background(), DeadLetterBytes: bytes})
	}
	full := letter("a", 0, 1)
	full.Message = json.RawMessage(`"` + strings.Repeat("m", 7<<20) + `"`)
	fallback := int64(0)
	for _, tt := range []struct{ asked, want int64 }{{0, 0}, {large, large}, {small, small}, {0, 0}} {
		l := with(tt.asked)
		room := l.letters.CachedInfo().Config.MaxBytes
		switch {
		case tt.asked == 0 && fallback == 0:
			fallback = room
		case tt.asked == 0 && room != fallback, tt.asked > 0 && room != tt.want:
			t.Errorf("asked for %d: got %d, want %d, or %d as at first", tt.asked, room, tt.want, fallback)
		}
		if tt.asked == large {
			for n := range 3 {
				full.ID = fmt.Sprint("full-", n)
				mustBury(t, l, full)
			}
		}
		if tt.asked == small {
			if got := l.letters.CachedInfo().State.Msgs; got != 3 {
				t.Errorf("%d are left of 3, where nobody was told", got)
			}
			if err := l.Bury(t.Context(), letter("a", 9, 1)); !errors.Is(err, cloudsvc.ErrLettersFull) {
				t.Errorf("Bury: got %v, want %v", err, cloudsvc.ErrLettersFull)
			}
		}
		l.Close()
	}
}

// TestDeadLettersOfACluster makes a stream as it is asked for, and leaves it so.
func TestDeadLettersOfACluster(t *testing.T) {
	t.Parallel()
	s := runServer(t, clusterOptions(t))
	open(t, Options{URL: s.ClientURL(), DeadLetterBytes: 32 << 20}).Close()
	_, err := Open(t.Context(), Options{URL: s.ClientURL(), DeadLetterBytes: 16 << 20})
	const want = "deadLetters: maxBytes: 16777216: the stream DLQ has a max_bytes of 33554432: make it the same, or leave maxBytes out"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	open(t, Options{URL: s.ClientURL()}).Close()
}

func TestLetterRecordHasABound(t *testing.T) {
	t.Parallel()
	d := letter("a", 1, 1)
	d.Message = []byte(`"` + strings.Repeat("x", 2000) + `"`)
	for most, whole := range map[int]bool{4000: true, 1000: false} {
		record, err := letterRecord(d, most)
		if err != nil || len(record) > most || bytes.Contains(record, d.Message) != whole {
			t.Errorf("of %d bytes at most: %d bytes, %v, want the message there: %v", most, len(record), err, whole)
		}
	}
}

// TestDeadLetterKeepsItsBytes: what is redriven is what was sent.
func TestDeadLetterKeepsItsBytes(t *testing.T) {
	t.Parallel()
	d := letter("a", 1, 1)
	d.Message = []byte("{\"value\":\"<b>&amp;\u2028\\u003c\\/\"}")
	record, err := letterRecord(d, 4000)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := readLetter(&jetstream.RawStreamMsg{Data: record}, nil)
	if err != nil || !bytes.Equal(kept.Message, d.Message) {
		t.Errorf("message %q, %v, want %q", kept.Message, err, d.Message)
	}
}

// TestDroppedStayDropped looks at the files as a kill leaves them: some were stored
// twice, another was stored anew and the old one not deleted.
func TestDroppedStayDropped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openFolder(t, dir)
	mustBury(t, l, letter("a", 1, 1), letter("a", 2, 1), letter("b", 3, 1), letter("a", 4, 1), letter("b", 5, 1))
	mustBury(t, l, letter("a", 1, 2))
	l.Close()
	l = openFolder(t, dir)
	mustBury(t, l, letter("a", 2, 2))
	if _, err := l.js.Publish(t.Context(), letterSubject("a", "dl_a4"), []byte(`{"messageId":"edge.1/m/RT/1/4","tries":2}`)); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"dl_a1", "dl_a2", "dl_a4"} {
		kept, err := l.Letter(t.Context(), id)
		if err == nil {
			err = l.DropLetter(t.Context(), kept.Place)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wantLetters(t, openFolder(t, killedCopy(t, dir)), "", "edge.1/m/RT/1/3 1", "edge.1/m/RT/1/5 1")
	if err := l.DropLetters(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	wantLetters(t, openFolder(t, killedCopy(t, dir)), "")
}

func killedCopy(t *testing.T, dir string) string {
	t.Helper()
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return killed
}
