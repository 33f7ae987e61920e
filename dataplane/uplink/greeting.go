package uplink

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

const (
	// retryInUse is when a publisher may try again after another spool was found
	// in its place: long enough for the other's sign of life.
	retryInUse = time.Second
	// retryFull is when a publisher may try again that was one too many.
	retryFull = time.Minute
)

// receiveHello opens a session, or says why not. A HELLO that makes no sense
// gets no answer from here: it may be anybody's.
func (r *Receiver) receiveHello(peer Peer, f *dataplane.Hello, now time.Time) []Reply {
	s := r.sessions[peer]
	if err := validateHello(f); err != nil {
		return r.malformed(s, err)
	}
	if s != nil {
		r.drop(s) // it begins again
	}
	if refusal := r.decline(f); refusal != nil {
		return []Reply{{peer, refusal}}
	}
	p := r.publisher(f.Publisher)
	replies, free := r.vacate(p, f, peer, now)
	if !free {
		return replies
	}
	s = r.open(peer, p, f, now)
	state := s.state()
	return append(replies, Reply{peer, &dataplane.HelloOK{
		Session: s.number, Stored: state.stored, Durable: state.durable, Credit: r.credits[s.lane].grant(s),
		Clock: now, Version: dataplane.Version, MaxFrame: r.options.MaxFrame,
	}})
}

func validateHello(f *dataplane.Hello) error {
	if err := dataplane.ValidatePublisher(f.Publisher); err != nil {
		return err
	}
	if !f.Lane.Valid() {
		return fmt.Errorf("lane %v is not RT or BT", f.Lane)
	}
	if len(f.Epochs) == 0 {
		return fmt.Errorf("no epoch: want at least the one that records are accepted under")
	}
	last := uint64(0)
	for _, e := range f.Epochs {
		if e.Epoch <= last || e.Epoch > maxNumber {
			return fmt.Errorf("epoch %d behind %d: want epochs that rise, within 1 and %d", e.Epoch, last, uint64(maxNumber))
		}
		last = e.Epoch
	}
	return nil
}

// decline returns why a HELLO that makes sense cannot be granted, nil if it
// can.
func (r *Receiver) decline(f *dataplane.Hello) *dataplane.Refuse {
	if f.MinVersion > dataplane.Version || f.MaxVersion < dataplane.Version {
		return &dataplane.Refuse{
			Code: dataplane.RefuseVersion,
			Text: fmt.Sprintf("versions %d to %d: cloudsvc speaks %d", f.MinVersion, f.MaxVersion, dataplane.Version),
		}
	}
	if r.options.Admit != nil {
		if refusal := r.options.Admit(f); refusal != nil {
			return refusal
		}
	}
	p, known := r.publishers[f.Publisher]
	if !known {
		if len(r.publishers) >= maxPublishers {
			return &dataplane.Refuse{
				Code:       dataplane.RefuseFull,
				Text:       fmt.Sprintf("cloudsvc knows %d publishers and takes no more", len(r.publishers)),
				RetryAfter: retryFull,
			}
		}
		return nil
	}
	return p.lanes[f.Lane].checkEpochs(f)
}

// checkEpochs refuses a spool with epochs that were used already, by the one
// before it or by itself before it was set back: its records would pass for
// duplicates. Epochs of which it holds nothing do not count.
func (l *laneState) checkEpochs(f *dataplane.Hello) *dataplane.Refuse {
	newest, had := f.Epochs[len(f.Epochs)-1].Epoch, l.received.Epoch
	oldest := newest
	for _, e := range f.Epochs {
		if e.First <= e.Last {
			oldest = min(oldest, e.Epoch)
		}
	}
	if oldest > had || l.spool == f.Spool && newest >= had {
		return nil
	}
	return &dataplane.Refuse{
		Code:      dataplane.RefuseEpochBehind,
		Text:      fmt.Sprintf("epoch %d: %s has used %d already", oldest, f.Publisher, had),
		HighWater: l.received,
	}
}

// vacate makes room for a publisher that comes (back): what it had open with
// the same spool is superseded. What another spool has open is asked for a sign
// of life, and the newcomer has to wait until that has failed to come.
func (r *Receiver) vacate(p *publisher, f *dataplane.Hello, peer Peer, now time.Time) (replies []Reply, free bool) {
	for _, lane := range dataplane.Classes {
		old := p.lanes[lane].session
		if old == nil || old.spool == f.Spool {
			continue
		}
		ping, gone := old.claim(now)
		if !gone {
			replies = append(replies, ping, Reply{peer, &dataplane.Refuse{
				Code:       dataplane.RefuseInUse,
				Text:       fmt.Sprintf("publisher %s is connected with another spool: is the same name given to two mappers?", p.name),
				RetryAfter: retryInUse,
			}})
			return replies, false
		}
		replies = append(replies, r.supersede(old)...)
	}
	if old := p.lanes[f.Lane].session; old != nil {
		replies = append(replies, r.supersede(old)...)
	}
	return replies, true
}

func (r *Receiver) supersede(old *session) []Reply {
	return r.expel(old, &dataplane.Refuse{
		Code: dataplane.RefuseSuperseded, Text: "a newer connection of the publisher took over",
	})
}
