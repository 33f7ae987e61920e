package uplink

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

// receiveHello opens a session, or says why not.
func (r *Receiver) receiveHello(peer Peer, f *dataplane.Hello, now time.Time) []Reply {
	if s := r.sessions[peer]; s != nil {
		r.drop(s) // it begins again
	}
	if err := validateHello(f); err != nil {
		return refuse(peer, &dataplane.Refuse{Code: dataplane.RefuseMalformed, Text: err.Error()})
	}
	if f.MinVersion > dataplane.Version || f.MaxVersion < dataplane.Version {
		return refuse(peer, &dataplane.Refuse{
			Code: dataplane.RefuseVersion,
			Text: fmt.Sprintf("versions %d to %d: cloudsvc speaks %d", f.MinVersion, f.MaxVersion, dataplane.Version),
		})
	}
	p := r.publisher(f.Publisher)
	replies, free := r.vacate(p, f, peer, now)
	if !free {
		return replies
	}
	if replies := r.checkEpochs(p, f, peer); replies != nil {
		return replies
	}
	s := r.open(peer, p, f, now)
	state := s.state()
	return append(replies, Reply{peer, &dataplane.HelloOK{
		Session: s.number, Stored: state.stored, Durable: state.durable, Credit: r.grant(s),
		Clock: now, Version: dataplane.Version, MaxFrame: dataplane.MaxFrame,
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
	for i, e := range f.Epochs {
		if e.Epoch == 0 || (i > 0 && e.Epoch <= f.Epochs[i-1].Epoch) {
			return fmt.Errorf("epoch %d: want epochs above 0 that rise", e.Epoch)
		}
	}
	return nil
}

func refuse(peer Peer, f *dataplane.Refuse) []Reply { return []Reply{{peer, f}} }

// vacate makes room for a publisher that comes (back): what it had open with
// the same spool is superseded; what another spool has open is probed, and
// the newcomer has to wait.
func (r *Receiver) vacate(p *publisher, f *dataplane.Hello, peer Peer, now time.Time) (replies []Reply, free bool) {
	for _, lane := range dataplane.Classes {
		old := p.lanes[lane].session
		if old == nil || p.lanes[lane].spool == f.Spool {
			continue
		}
		return []Reply{
			{old.peer, &dataplane.Ping{T1: now}},
			{peer, &dataplane.Refuse{
				Code:       dataplane.RefuseInUse,
				Text:       fmt.Sprintf("publisher %s is connected with another spool: is the same name given to two mappers?", p.name),
				RetryAfter: retryInUse,
			}},
		}, false
	}
	if old := p.lanes[f.Lane].session; old != nil {
		r.drop(old)
		replies = append(replies, Reply{old.peer, &dataplane.Refuse{
			Code: dataplane.RefuseSuperseded, Text: "a newer connection of the publisher took over",
		}})
	}
	return replies, true
}

// checkEpochs refuses a new spool whose epochs the one before it has used:
// its records would be taken for duplicates.
func (r *Receiver) checkEpochs(p *publisher, f *dataplane.Hello, peer Peer) []Reply {
	state := &p.lanes[f.Lane]
	had := state.received
	if state.spool == f.Spool || had.Epoch < f.Epochs[0].Epoch {
		return nil
	}
	return refuse(peer, &dataplane.Refuse{
		Code:      dataplane.RefuseEpochBehind,
		Text:      fmt.Sprintf("epoch %d is not above %d, which another spool of %s has used", f.Epochs[0].Epoch, had.Epoch, p.name),
		HighWater: had,
	})
}

func (r *Receiver) open(peer Peer, p *publisher, f *dataplane.Hello, now time.Time) *session {
	s := &session{peer: peer, number: r.Session(), publisher: p, lane: f.Lane, heard: now}
	state := s.state()
	state.spool, state.session = f.Spool, s
	r.sessions[peer] = s
	r.count[s.lane]++
	return s
}
