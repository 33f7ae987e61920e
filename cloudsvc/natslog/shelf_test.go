package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/nats-io/nats.go/jetstream"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

// rule is a retention rule for some topics.
func rule(t testing.TB, age time.Duration, bytes int64, topics ...string) cloudsvc.RetentionRule {
	t.Helper()
	filters, err := parseFilters(topics)
	if err != nil {
		t.Fatal(err)
	}
	return cloudsvc.RetentionRule{Topics: filters, MaxAge: age, MaxBytes: bytes}
}

// TestRetentionBeyondTheDisk asks a new folder for more than any disk has: it
// gets what there is room for, as a folder does that has blocks.
func TestRetentionBeyondTheDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	several := []cloudsvc.RetentionRule{rule(t, 0, 999<<40, "a"), rule(t, 0, 1<<50, "b")}
	for _, rules := range [][]cloudsvc.RetentionRule{{rule(t, 0, 999<<40, "#")}, several, several} {
		said := 0
		logger := funcr.New(func(_, args string) {
			if strings.Contains(args, "The disk has no room for all that retention may keep") {
				said++
			}
		}, funcr.Options{})
		l := open(t, Options{Dir: dir, Logger: logger, Retention: rules})
		if said != len(dataplane.Classes) {
			t.Errorf("%v: said %d times, want it of each class", rules, said)
		}
		free, err := freeIn(dir)
		if err != nil {
			t.Fatal(err)
		}
		for class, c := range l.classes {
			if got := c.stream.CachedInfo().Config.MaxBytes; got <= 0 || got > free/2 {
				t.Errorf("%v: %d bytes of the %d that are free, want a quarter", class, got, free)
			}
		}
		l.Close()
	}
}

// put appends a block of some bytes on a shelf.
func put(t testing.TB, l *Log, shelf uint32, name string, size int) {
	t.Helper()
	block := append([]byte(name), make([]byte, size)...)
	if _, err := l.Append(t.Context(), dataplane.RT, shelf, block); err != nil {
		t.Fatal(err)
	}
}

// left returns the names of the blocks that are there.
func left(t testing.TB, l *Log) (names []string) {
	t.Helper()
	for _, text := range stored(t, l, dataplane.RT, 0) {
		_, name, _ := strings.Cut(strings.TrimRight(text, "\x00"), " ")
		names = append(names, name)
	}
	return names
}

// running runs a log until the test ends, or end is called.
func running(t testing.TB, l *Log) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1) // Run's one result
	go func() { done <- l.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestShelvesAreTrimmed has a shelf with a short age and one with a small size
// beside one that keeps all: each keeps what it should, whatever stands between.
// It goes on behind a restart.
func TestShelvesAreTrimmed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{Dir: dir, Logger: klog.Background(), Retention: []cloudsvc.RetentionRule{
		rule(t, time.Second, 0, "trace/#"), rule(t, 0, 1<<20, "big/#"),
	}}
	l := open(t, o)
	end := running(t, l)
	ids := l.Shelves()
	if len(ids) != 3 {
		t.Fatalf("got the shelves %+v, want 3", ids)
	}
	var want []string
	for n := range 40 {
		put(t, l, ids[0].ID, fmt.Sprint("trace ", n), 10)
		put(t, l, ids[1].ID, fmt.Sprint("big ", n), 64<<10)
		put(t, l, ids[2].ID, fmt.Sprint("kept ", n), 10)
		if n >= 40-17 { // 16 are the size, and a block more is kept where part of it is within
			want = append(want, fmt.Sprint("big ", n))
		}
		want = append(want, fmt.Sprint("kept ", n))
	}
	same := func() bool {
		got := left(t, l)
		return slices.Equal(got, want) || slices.Equal(got, slices.DeleteFunc(slices.Clone(want), func(name string) bool { return name == "big 23" }))
	}
	eventually(t, "the shelves have what they keep", same)
	end()
	put(t, l, ids[0].ID, "trace last", 10)
	l.Close()

	l = open(t, o)
	if again := l.Shelves(); !slices.EqualFunc(ids, again, func(a, b cloudsvc.Shelf) bool { return a.ID == b.ID }) {
		t.Errorf("after a restart: got the shelves %+v, want %+v", again, ids)
	}
	end = running(t, l)
	defer end()
	eventually(t, "the last trace is gone, too", same)
	mustAppend(t, l, dataplane.RT, "behind")
	if _, last, err := l.Ends(t.Context(), dataplane.RT); err != nil || last != 122 {
		t.Errorf("the log ends at %d, %v, want 122", last, err)
	}
}

// A stubbornStream purges nothing.
type stubbornStream struct {
	jetstream.Stream
	reads int // consumers that were made
}

var errStubborn = errors.New("no purge")

func (s *stubbornStream) Purge(context.Context, ...jetstream.StreamPurgeOpt) error {
	return errStubborn
}

func (s *stubbornStream) OrderedConsumer(ctx context.Context, config jetstream.OrderedConsumerConfig) (jetstream.Consumer, error) {
	s.reads++
	return s.Stream.OrderedConsumer(ctx, config)
}

// TestPurgeFails has a stream that lets nothing go for some time: what it is to
// let go of is known meanwhile, and not read again.
func TestPurgeFails(t *testing.T) {
	t.Parallel()
	l := open(t, Options{Dir: t.TempDir(), Logger: klog.Background(), Retention: []cloudsvc.RetentionRule{rule(t, time.Hour, 0, "trace/#")}})
	for n := range 3 {
		put(t, l, l.Shelves()[0].ID, fmt.Sprint(n), 10)
	}
	trimmer := l.trimmers[dataplane.RT]
	reader := trimmer.reader
	stubborn := &stubbornStream{Stream: reader.stream}
	trimmer.reader = &classReader{stubborn, reader.subjects}
	later := time.Now().Add(2 * time.Hour)
	for range 3 {
		if err := trimmer.trim(t.Context(), later); !errors.Is(err, errStubborn) {
			t.Errorf("got %v, want %v", err, errStubborn)
		}
	}
	if stubborn.reads != 1 {
		t.Errorf("the stream was read %d times, want once", stubborn.reads)
	}
	trimmer.reader = reader
	if err := trimmer.trim(t.Context(), later); err != nil {
		t.Error(err)
	}
	if got := left(t, l); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}

// TestShelvesOfOtherRules restarts with other rules: what is there stays where it
// is and is kept as it was promised, and a shelf is forgotten when it is empty.
func TestShelvesOfOtherRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	with := func(rules ...cloudsvc.RetentionRule) *Log {
		return open(t, Options{Dir: dir, Logger: klog.Background(), Retention: rules})
	}
	shelves := func(l *Log) (texts []string) {
		for _, s := range l.Shelves() {
			texts = append(texts, fmt.Sprintf("%d %v %v %v", s.ID, s.Topics, s.MaxAge, s.Retired))
		}
		return texts
	}
	check := func(l *Log, want ...string) {
		t.Helper()
		if got := shelves(l); !slices.Equal(got, want) {
			t.Errorf("shelves: got %q, want %q", got, want)
		}
	}
	l := openFolder(t, dir)
	check(l, "0 [] 168h0m0s false")
	put(t, l, 0, "first", 1)
	l.Close()

	l = with(rule(t, time.Second, 0, "a"))
	check(l, "1 [a] 1s false", "2 [] 168h0m0s false", "0 [] 168h0m0s true")
	put(t, l, 1, "a", 1)
	l.Close()

	l = with(rule(t, 30*24*time.Hour, 0, "a"), rule(t, time.Second, 0, "b"))
	check(l, "1 [a] 720h0m0s false", "3 [b] 1s false", "4 [] 168h0m0s false", "0 [] 168h0m0s true")
	if got := l.classes[dataplane.RT].stream.CachedInfo().Config.MaxAge; got != 30*24*time.Hour {
		t.Errorf("the stream keeps for %v, want 30 days", got)
	}
	put(t, l, 3, "b", 1)
	l.Close()

	l = with()
	check(l, "0 [] 168h0m0s false", "1 [a] 720h0m0s true", "3 [b] 1s true")
	end := running(t, l)
	eventually(t, "b has gone, as was promised", func() bool { return slices.Equal(left(t, l), []string{"first", "a"}) })
	end()
	l.Close()

	l = with()
	check(l, "0 [] 168h0m0s false", "1 [a] 720h0m0s true")
	if err := l.classes[dataplane.RT].stream.Purge(t.Context(), jetstream.WithPurgeSubject("ds.rt.0.1")); err != nil {
		t.Fatal(err)
	}
	l.Close()

	l = with()
	check(l, "0 [] 168h0m0s false")
	config := l.classes[dataplane.RT].stream.CachedInfo().Config
	if config.MaxAge != maxAge || config.MaxBytes > maxBytes {
		t.Errorf("the stream keeps %v and %d bytes, want as at first", config.MaxAge, config.MaxBytes)
	}
	l.Close()
	check(with(rule(t, time.Hour, 0, "b")), "5 [b] 1h0m0s false", "6 [] 168h0m0s false", "0 [] 168h0m0s true")
}

// TestShelvesWithoutTheirTable has lost the table of shelves, as a server without
// a sync may: no ID is given twice.
func TestShelvesWithoutTheirTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{Dir: dir, Logger: klog.Background(), Retention: []cloudsvc.RetentionRule{rule(t, time.Hour, 0, "a")}}
	l := open(t, o)
	put(t, l, l.Shelves()[0].ID, "a", 1)
	if err := l.js.DeleteKeyValue(t.Context(), retentionBucket); err != nil {
		t.Fatal(err)
	}
	l.Close()
	o.Retention = []cloudsvc.RetentionRule{rule(t, time.Hour, 0, "b")}
	if got := open(t, o).Shelves()[0].ID; got != 2 {
		t.Errorf("got the ID %d, want 2", got)
	}
}

// TestShelvesOfACluster keeps an operator's limits, and says where rules ask for
// more.
func TestShelvesOfACluster(t *testing.T) {
	t.Parallel()
	s := runServer(t, clusterOptions(t))
	js := operator(t, s.ClientURL())
	for _, class := range []string{"RT", "BT"} {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: class, Subjects: []string{"ds." + strings.ToLower(class) + ".*.*"}, Storage: jetstream.FileStorage, MaxAge: 90 * 24 * time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := Open(t.Context(), Options{URL: s.ClientURL(), Retention: []cloudsvc.RetentionRule{rule(t, 100*24*time.Hour, 0, "a")}})
	const want = "retention: rule 0: maxAge: 2400h0m0s: the stream RT keeps nothing for longer than 2160h0m0s: raise its max_age"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if l != nil {
		l.Close()
	}
	l = open(t, Options{URL: s.ClientURL(), Retention: []cloudsvc.RetentionRule{rule(t, time.Second, 0, "a")}})
	defer running(t, l)()
	put(t, l, l.Shelves()[0].ID, "a", 1)
	put(t, l, l.Shelves()[1].ID, "kept", 1)
	eventually(t, "the operator's stream keeps the rest", func() bool { return slices.Equal(left(t, l), []string{"kept"}) })
}
