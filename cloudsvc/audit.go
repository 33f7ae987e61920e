package cloudsvc

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

const (
	// auditTime is how long the log of a class is read for one ledger: that of
	// both is well within what clients wait for an answer.
	auditTime = 10 * time.Second
	// auditBurst is how many bytes are read before the log gets a rest as long
	// as that took, up to auditRest: ingest comes first.
	auditBurst = 4 << 20
	auditRest  = 100 * time.Millisecond
	// maxAudited is about how many epochs, ranges and gaps are kept, some
	// megabytes; it is looked at each auditBurst.
	maxAudited = 100_000
)

// An audit reads the log for a ledger.
type audit struct {
	publisher string // empty: all
	shelved   bool   // limits may take blocks from between others
	packer    *dataplane.Packer
	lanes     map[laneKey]*ledger.Lane
	holed     [len(dataplane.Classes) + 1]bool // by Class: blocks were taken from between those that were read

	log   Log
	class dataplane.Class
	ledger.Reading
	bytes int       // since the last rest
	began time.Time // the burst
}

// errAudited ends a replay whose rest there is no room for.
var errAudited = errors.New("there is more than can be told at once: ask for one publisher")

// read reads a class's log, as far as there is time.
func (a *audit) read(ctx context.Context, class dataplane.Class) (ledger.Reading, error) {
	first, last, err := a.log.Ends(ctx, class)
	if err != nil {
		return ledger.Reading{}, err
	}
	a.class, a.Reading = class, ledger.Reading{First: first, Last: last, Read: first - 1}
	a.bytes, a.began = 0, time.Now()
	reading, cancel := context.WithTimeout(ctx, auditTime)
	defer cancel()
	err = a.log.Replay(reading, class, first-1, func(seq uint64, _ time.Time, raw []byte) error { return a.visit(reading, seq, raw) })
	switch {
	case err == nil:
		if a.Read < last {
			a.hole()
		}
		a.Read = max(a.Read, last)
	case errors.Is(err, errAudited):
		a.Reason = errAudited.Error()
	case reading.Err() != nil && ctx.Err() == nil:
		a.Reason = "there was no more time: ask when less is written, or keep less"
	default:
		return ledger.Reading{}, err
	}
	return a.Reading, nil
}

// visit takes one block in.
func (a *audit) visit(ctx context.Context, seq uint64, raw []byte) error {
	if err := a.rest(ctx, len(raw)); err != nil {
		return err
	}
	if err := a.skip(ctx, seq); err != nil {
		return err
	}
	a.Read = seq
	b, err := ParseBlock(raw)
	if err != nil {
		a.Corrupt = append(a.Corrupt, seq)
		return nil
	}
	for i := range b.Ranges {
		if r := &b.Ranges[i]; a.publisher == "" || a.publisher == r.Publisher {
			a.take(b, r, b.Frames[i])
		}
	}
	return nil
}

// skip looks at why blocks are missing before one. Where the log has let go of
// them since it was asked for its ends, it begins behind them.
func (a *audit) skip(ctx context.Context, seq uint64) error {
	if seq == a.Read+1 {
		return nil
	}
	first, _, err := a.log.Ends(ctx, a.class)
	if err != nil {
		return err
	}
	if first <= a.Read+1 {
		a.hole()
		return nil
	}
	a.First = first
	maps.DeleteFunc(a.lanes, func(key laneKey, _ *ledger.Lane) bool { return key.class == a.class })
	return nil
}

// hole notes that blocks are missing between others, where that may be.
func (a *audit) hole() {
	if !a.shelved {
		return
	}
	a.holed[a.class] = true
	for key, lane := range a.lanes {
		if key.class == a.class {
			lane.Hole()
		}
	}
}

// rest lets others have the log, now and then.
func (a *audit) rest(ctx context.Context, bytes int) error {
	if a.bytes += bytes; a.bytes < auditBurst {
		return ctx.Err()
	}
	size := 0
	for _, lane := range a.lanes {
		size += lane.Size()
	}
	if size > maxAudited {
		return errAudited
	}
	timer := time.NewTimer(min(time.Since(a.began), auditRest))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	a.bytes, a.began = 0, time.Now()
	return nil
}

// take notes what one range of a block tells.
func (a *audit) take(b *Block, r *Range, frame []byte) {
	key := laneKey{r.Publisher, a.class}
	lane := a.lane(key)
	span := ledger.Span{From: r.First, To: r.Last}
	switch dataplane.FrameTypeOf(frame) {
	case dataplane.TypeGap, dataplane.TypeEpochEnd:
		f, _ := dataplane.DecodeFrame(frame) // one that cannot be read tells nothing
		switch f := f.(type) {
		case *dataplane.Gap:
			lane.Lost(r.Epoch, ledger.Gap{Span: span, Reason: f.Reason})
		case *dataplane.EpochEnd:
			lane.Ended(r.Epoch, ledger.End{Last: r.Last, Unknown: f.Unknown, Reason: f.Reason})
		}
	default:
		lane.Stored(r.Epoch, span)
		if b.mayHold("", dataplane.EventTopic) {
			a.findEvents(lane, r, frame)
		}
	}
}

// lane returns a lane, a new one if nothing was read of it.
func (a *audit) lane(key laneKey) *ledger.Lane {
	lane := a.lanes[key]
	if lane == nil {
		lane = new(ledger.Lane)
		if a.holed[key.class] {
			lane.Hole()
		}
		a.lanes[key] = lane
	}
	return lane
}

// mayHold tells whether a block may hold something of a topic.
func (b *Block) mayHold(namespace, topic string) bool {
	_, listed := slices.BinarySearch(b.Topics, b.Key.hash(namespace, topic))
	return listed || len(b.Topics) == 0
}

// findEvents notes which records of a range are events.
func (a *audit) findEvents(lane *ledger.Lane, r *Range, frame []byte) {
	f, err := dataplane.DecodeFrame(frame)
	data, is := f.(*dataplane.Data)
	if err != nil || !is {
		return
	}
	batch, err := a.packer.Unpack(r.Publisher, data)
	if err != nil {
		return
	}
	for i := range batch.Messages {
		m := &batch.Messages[i]
		if m.ID.Seq >= r.First && strings.HasPrefix(m.Topic, dataplane.EventTopic) {
			lane.Event(r.Epoch, ledger.Span{From: m.ID.Seq, To: m.ID.Seq})
		}
	}
}
