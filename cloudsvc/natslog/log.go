package natslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/dataplane"
	"datastub/dataplane/flock"
)

const (
	// blockRoom is what a block needs beside its largest frame, in bytes.
	blockRoom = 64 << 10
	// minPayload is the least that a cluster's max_payload may be, in bytes: a
	// full block. NATS's own default of 1 MB is enough but for messages that are
	// larger: edges are told the limit, and send a gap in their place.
	minPayload = 512 << 10
	// publishWait bounds one publish.
	publishWait = 5 * time.Second
)

// Options say where the log is: exactly one of Dir and URL is given.
type Options struct {
	Dir string // of the embedded server
	URL string // of a NATS cluster, or several with commas between
	// SyncInterval is how often the embedded server syncs to disk; 0: always,
	// before it answers. A cluster's is its operator's.
	SyncInterval time.Duration
	Retention    []cloudsvc.RetentionRule // how long what is kept; none: as long as the streams do
	// DeadLetterBytes is the most that dead letters may take; 0: an eighth of what
	// a class may.
	DeadLetterBytes int64
	Logger          klog.Logger
}

func (o *Options) validate() error {
	if (o.Dir == "") == (o.URL == "") {
		return fmt.Errorf("log in folder %q and at %q: want one of them", o.Dir, redact(o.URL))
	}
	if o.SyncInterval < 0 {
		return fmt.Errorf("sync every %v: want more than 0, or 0 for always", o.SyncInterval)
	}
	return nil
}

// Log is a cloudsvc.Log on JetStream, and keeps what else cloudsvc has to: marks,
// eras, durable subscriptions and dead letters.
type Log struct {
	lock     *os.File   // of the embedded server's folder
	server   *embedded  // nil: a cluster's
	conn     *nats.Conn // of the writers and the marks
	js       jetstream.JetStream
	classes  map[dataplane.Class]*classLog
	shelves  []cloudsvc.Shelf
	logger   klog.Logger
	reading  *nats.Conn
	readers  map[dataplane.Class]*classReader
	trimmers map[dataplane.Class]*trimmer
	marks    markStore
	eras     jetstream.KeyValue
	hooks    hookStore
	letters  jetstream.Stream
}

var (
	_ cloudsvc.Log           = (*Log)(nil)
	_ cloudsvc.MarkStore     = (*Log)(nil)
	_ cloudsvc.EraStore      = (*Log)(nil)
	_ cloudsvc.HookStore     = (*Log)(nil)
	_ cloudsvc.DeadLetterBox = (*Log)(nil)
	_ cloudsvc.Retention     = (*Log)(nil)
)

// classLog is one class's stream, and where it ends.
type classLog struct {
	stream jetstream.Stream
	prefix string // of the subjects
	last   uint64 // the stream's last sequence, which the next block must follow
}

// subject returns that of a shelf.
func (c *classLog) subject(shelf uint32) string { return fmt.Sprintf("%s.%d", c.prefix, shelf) }

// subjects returns what matches that of any shelf.
func (c *classLog) subjects() string { return c.prefix + ".*" }

// Open opens the log, and makes it where there is none.
func Open(ctx context.Context, o Options) (*Log, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Log{
		logger:  o.Logger,
		classes: make(map[dataplane.Class]*classLog), readers: make(map[dataplane.Class]*classReader), trimmers: make(map[dataplane.Class]*trimmer),
	}
	if err := l.open(ctx, o); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Log) open(ctx context.Context, o Options) (err error) {
	if o.Dir != "" {
		if l.lock, err = lockFolder(o.Dir); err != nil {
			return err
		}
		if l.server, err = startEmbedded(ctx, o); err != nil {
			return err
		}
	}
	// A block that cannot be sent now fails now: it is sent again.
	if l.conn, err = connect(o, l.server, nats.Name("cloudsvc"), nats.ReconnectBufSize(-1)); err != nil {
		return err
	}
	if most := l.conn.MaxPayload(); most < minPayload {
		return fmt.Errorf("NATS takes messages of %d bytes at most: set max_payload to %d or more (1MB is NATS's own)", most, minPayload)
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		return err
	}
	room, err := l.openClasses(ctx, o)
	if err != nil {
		return err
	}
	if err := l.openReaders(ctx, o); err != nil {
		return err
	}
	for _, class := range dataplane.Classes {
		l.trimmers[class] = l.newTrimmer(class)
	}
	if err := l.hooks.open(ctx, l.js); err != nil {
		return err
	}
	if err := l.openLetters(ctx, o, room); err != nil {
		return err
	}
	if l.eras, err = openBucket(ctx, l.js, erasBucket, "when who began to write to the log"); err != nil {
		return err
	}
	return l.marks.open(ctx, l.js)
}

// MaxFrame returns the largest frame that a block may hold, in bytes.
func (l *Log) MaxFrame() int { return min(int(l.conn.MaxPayload())-blockRoom, dataplane.MaxFrame) }

// Append implements cloudsvc.Log.
func (l *Log) Append(ctx context.Context, class dataplane.Class, shelf uint32, block []byte) (uint64, error) {
	seq, err := l.append(ctx, l.classes[class], shelf, block)
	if err != nil {
		return 0, fmt.Errorf("append %d bytes to the stream %v: %w", len(block), class, err)
	}
	return seq, nil
}

func (l *Log) append(ctx context.Context, c *classLog, shelf uint32, block []byte) (uint64, error) {
	if l.server == nil {
		return l.store(ctx, c, shelf, block)
	}
	if err := l.mend(ctx); err != nil {
		return 0, err
	}
	seq, err := l.store(ctx, c, shelf, block)
	if why := l.server.fault(); err != nil && why != nil {
		err = why // which tells more than that no answer came
	}
	return seq, err
}

// mend has the embedded server store again where it does not, if its folder is
// there.
func (l *Log) mend(ctx context.Context) error {
	if err := checkFolder(l.lock); err != nil {
		return err
	}
	return l.server.revive(ctx)
}

// store appends a block in bounded time, unless it is there already.
func (l *Log) store(ctx context.Context, c *classLog, shelf uint32, block []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	seq, err := l.publish(ctx, c, shelf, block)
	if wrongLast(err) {
		seq, err = l.decide(ctx, c, block)
	}
	if err != nil {
		return 0, err
	}
	c.last = seq
	return seq, nil
}

// publish appends a block where the stream is thought to end. That is asked of
// the whole stream, not of a subject: who writes to other subjects of it is
// another writer, too, and it does not change when limits take the last block.
func (l *Log) publish(ctx context.Context, c *classLog, shelf uint32, block []byte) (uint64, error) {
	if status := l.conn.Status(); status != nats.CONNECTED {
		return 0, fmt.Errorf("the connection to NATS is %v", status)
	}
	ack, err := l.js.Publish(ctx, c.subject(shelf), block, jetstream.WithExpectLastSequence(c.last))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// wrongLast tells whether a publish failed because the stream, or the subject,
// does not end where it was thought to.
func wrongLast(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// decide finds out why the stream does not end where it was thought to. It may
// end with the block that was to be appended: an earlier try only seemed to
// fail. No two blocks are alike, as each record is in one only.
func (l *Log) decide(ctx context.Context, c *classLog, block []byte) (uint64, error) {
	info, err := c.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("find the end: %w", err)
	}
	end := info.State.LastSeq
	switch {
	case end < c.last:
		return 0, fmt.Errorf("it ends at %d, not at %d: %w", end, c.last, cloudsvc.ErrTruncated)
	case end == c.last: // as a new leader of a cluster may see late
		return 0, fmt.Errorf("it was not there yet that it ends at %d", end)
	}
	msg, err := c.stream.GetMsg(ctx, end)
	switch {
	case err != nil && !errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, fmt.Errorf("find the last block: %w", err)
	case err != nil || end != c.last+1 || !bytes.Equal(msg.Data, block):
		return 0, fmt.Errorf("it ends at %d, not at %d: %w", end, c.last, cloudsvc.ErrFenced)
	}
	return end, nil
}

// Close gives back the connections, and stops the embedded server.
func (l *Log) Close() {
	for _, conn := range [...]*nats.Conn{l.reading, l.conn} {
		if conn != nil {
			conn.Close()
		}
	}
	if l.server != nil {
		l.server.stop()
	}
	if l.lock != nil {
		_ = flock.Release(l.lock)
	}
}
