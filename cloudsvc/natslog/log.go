package natslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/dataplane"
)

const (
	// shard and retention are the only ones there are, until there are more.
	shard     = 0
	retention = 0
	// maxAge and maxBytes bound each stream; the oldest blocks go first.
	maxAge   = 7 * 24 * time.Hour
	maxBytes = 1 << 30
	// publishWait bounds one publish.
	publishWait = 5 * time.Second
	// marksBucket and marksKey are where the snapshot of marks is.
	marksBucket = "marks"
	marksKey    = "0"
)

// Options say where the log is: exactly one of Dir and URL is given.
type Options struct {
	Dir    string // of the embedded server
	URL    string // of a NATS cluster
	Logger klog.Logger
}

func (o *Options) validate() error {
	if (o.Dir == "") == (o.URL == "") {
		return fmt.Errorf("log in folder %q and at %q: want one of them", o.Dir, o.URL)
	}
	return nil
}

// Log is a cloudsvc.Log and a cloudsvc.MarkStore on JetStream.
type Log struct {
	server  *server.Server // nil: a cluster's
	conn    *nats.Conn
	js      jetstream.JetStream
	marks   jetstream.KeyValue
	classes map[dataplane.Class]*classLog
	created uint64 // hash of when the streams were made
}

var (
	_ cloudsvc.Log       = (*Log)(nil)
	_ cloudsvc.MarkStore = (*Log)(nil)
)

// classLog is one class's subject, and where it ends.
type classLog struct {
	stream  jetstream.Stream
	subject string

	mu   sync.Mutex // one publish at a time: this is held while it is in flight
	last uint64     // the sequence of the subject's last block; the next one must follow it
}

// Open opens the log, and makes it where there is none.
func Open(ctx context.Context, o Options) (*Log, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Log{classes: make(map[dataplane.Class]*classLog)}
	if err := l.open(ctx, o); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Log) open(ctx context.Context, o Options) (err error) {
	options := []nats.Option{
		nats.Name("cloudsvc"),
		nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { o.Logger.Error(err, "NATS") }),
	}
	if o.Dir != "" {
		if l.server, err = startServer(o.Dir, o.Logger); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(l.server))
	}
	if l.conn, err = nats.Connect(o.URL, options...); err != nil {
		return fmt.Errorf("connect to NATS at %q: %w", o.URL, err)
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		return err
	}
	created := fnv.New64a()
	for _, c := range dataplane.Classes {
		if l.classes[c], err = l.openClass(ctx, c); err != nil {
			return err
		}
		_, _ = fmt.Fprint(created, l.classes[c].stream.CachedInfo().Created.UnixNano())
	}
	l.created = created.Sum64()
	l.marks, err = l.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: marksBucket, Description: "how far each publisher is in the log", Storage: jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("open the bucket %s: %w", marksBucket, err)
	}
	return nil
}

// openClass opens a class's stream, and finds where it ends.
func (l *Log) openClass(ctx context.Context, class dataplane.Class) (*classLog, error) {
	prefix := "ds." + strings.ToLower(class.String())
	stream, err := l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        class.String(),
		Description: "DataStub's blocks of class " + class.String(),
		Subjects:    []string{prefix + ".*.*"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      maxAge,
		MaxBytes:    maxBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open the stream %v: %w", class, err)
	}
	c := &classLog{stream: stream, subject: fmt.Sprintf("%s.%d.%d", prefix, shard, retention)}
	msg, err := stream.GetLastMsgForSubject(ctx, c.subject)
	switch {
	case err == nil:
		c.last = msg.Sequence
	case !errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, fmt.Errorf("find the end of the stream %v: %w", class, err)
	}
	return c, nil
}

// Incarnation tells this log from any other: positions of one mean nothing in
// another. It is that of the streams, which are made once.
func (l *Log) Incarnation() uint64 { return l.created }

// Append implements cloudsvc.Log.
func (l *Log) Append(ctx context.Context, class dataplane.Class, block []byte) (uint64, error) {
	c := l.classes[class]
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	ack, err := l.js.Publish(ctx, c.subject, block, jetstream.WithExpectLastSequencePerSubject(c.last))
	if err == nil {
		c.last = ack.Sequence
		return c.last, nil
	}
	if !wrongLast(err) {
		return 0, fmt.Errorf("append %d bytes to the stream %v: %w", len(block), class, err)
	}
	return c.decide(ctx, class, block)
}

// wrongLast tells whether a publish failed because the subject does not end
// where it was thought to.
func wrongLast(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// decide finds out whether the block that the subject now ends with is the
// one that was to be appended: an earlier try that only seemed to fail.
func (c *classLog) decide(ctx context.Context, class dataplane.Class, block []byte) (uint64, error) {
	msg, err := c.stream.GetLastMsgForSubject(ctx, c.subject)
	if err != nil {
		return 0, fmt.Errorf("find the end of the stream %v: %w", class, err)
	}
	if !bytes.Equal(msg.Data, block) {
		return 0, fmt.Errorf("stream %v ends at %d, not at %d: %w", class, msg.Sequence, c.last, cloudsvc.ErrFenced)
	}
	c.last = msg.Sequence
	return c.last, nil
}

// Replay implements cloudsvc.Log.
func (l *Log) Replay(ctx context.Context, class dataplane.Class, after uint64, visit func(uint64, []byte) error) error {
	c := l.classes[class]
	info, err := c.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read the stream %v: %w", class, err)
	}
	from, last := max(after+1, info.State.FirstSeq), info.State.LastSeq
	if from > last || info.State.Msgs == 0 {
		return nil
	}
	consumer, err := c.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		return fmt.Errorf("read the stream %v: %w", class, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read the stream %v: %w", class, err)
	}
	defer messages.Stop()
	return replay(ctx, messages, last, visit)
}

func replay(ctx context.Context, messages jetstream.MessagesContext, last uint64, visit func(uint64, []byte) error) error {
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read the next block: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read a block's place: %w", err)
		}
		if err := visit(meta.Sequence.Stream, msg.Data()); err != nil {
			return err
		}
		if meta.Sequence.Stream >= last {
			return nil
		}
	}
}

// LoadMarks implements cloudsvc.MarkStore.
func (l *Log) LoadMarks(ctx context.Context) ([]byte, error) {
	entry, err := l.marks.Get(ctx, marksKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load the marks: %w", err)
	}
	return entry.Value(), nil
}

// SaveMarks implements cloudsvc.MarkStore.
func (l *Log) SaveMarks(ctx context.Context, snapshot []byte) error {
	if _, err := l.marks.Put(ctx, marksKey, snapshot); err != nil {
		return fmt.Errorf("save %d bytes of marks: %w", len(snapshot), err)
	}
	return nil
}

// Close gives back the connection, and stops the embedded server.
func (l *Log) Close() {
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
}
