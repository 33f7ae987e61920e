package uplink

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

// Peer is a connection's name, as the socket knows it.
type Peer string

// Reply is a frame for a peer.
type Reply struct {
	To    Peer
	Frame dataplane.Frame
}

// ReceiverOptions describe a Receiver.
type ReceiverOptions struct {
	Packer *dataplane.Packer
	// Budget is how many bytes a class may hold that are accepted and not
	// stored, over all sessions. BT keeps to it but for a frame a session; RT
	// may pass it where there are very many sessions.
	Budget uint64
	// MaxWeight is how much memory what a class has accepted and not stored may
	// take, in bytes; 0 sets no limit. It is reached by frames of which
	// compression makes very much, and by edges that do not keep to their
	// credit: what comes then is turned away, and asked for when there is room.
	MaxWeight uint64
	// MaxFrame is the largest frame that the log can keep, in bytes; 0 is
	// dataplane.MaxFrame. Edges are told, and send none that is larger.
	MaxFrame uint64
	// DurableLag is how long what is stored needs to become durable; 0 if the
	// log syncs before it answers.
	DurableLag time.Duration
	// Admit returns why a publisher may not come, nil if it may. Nil admits all.
	Admit func(*dataplane.Hello) *dataplane.Refuse
	// Control takes what a publisher tells by a CONTROL and returns the status to
	// answer with. Nil supports no kind.
	Control func(publisher string, f *dataplane.Control) (status string)
	// Session makes a new session's number, never 0 and hard to guess.
	Session func() uint64
}

// Receiver is the cloud end of all lanes of all publishers. It is not safe
// for concurrent use.
type Receiver struct {
	options    ReceiverOptions
	sessions   map[Peer]*session
	publishers map[string]*publisher
	credits    [3]credits // by Class
	trail      trail
}

// NewReceiver returns a Receiver that knows no publisher.
func NewReceiver(o ReceiverOptions) *Receiver {
	return &Receiver{
		options:    o,
		sessions:   make(map[Peer]*session),
		publishers: make(map[string]*publisher),
		credits:    newCredits(o.Budget, o.MaxWeight),
		trail:      trail{lag: o.DurableLag},
	}
}

// Restore tells, before the first frame, how far a lane's records are in the
// log, and whether the end of the last one's epoch is. They become durable as if they had been stored at the first Tick: a log
// that was read back after a crash may still be lost to a power failure.
func (r *Receiver) Restore(name string, spool dataplane.SpoolID, lane dataplane.Class, stored dataplane.Mark, ended bool) {
	p := r.publisher(name)
	r.publishers[name] = p
	l := &p.lanes[lane]
	l.spool = spool
	l.received, l.stored, l.ended = stored, stored, ended
	if r.options.DurableLag == 0 {
		l.durable = stored
	} else {
		r.trail.restore(l, stored)
	}
}

// Receive takes one message from a peer. It returns what is to be answered,
// and, if the message brought records that are new, what is to be stored;
// Stored is called for it, once and in order, when it is. There is no way to
// take it back: where the log fails for good, so does the Receiver, and a new
// one is restored from the log. The bytes belong to the Receiver from here on.
// A peer that has no session gets no answer but to a valid HELLO.
func (r *Receiver) Receive(peer Peer, b []byte, now time.Time) ([]Reply, *Accepted) {
	s := r.sessions[peer]
	f, err := dataplane.DecodeFrame(b)
	if err != nil {
		return r.malformed(s, err), nil
	}
	if hello, ok := f.(*dataplane.Hello); ok {
		return r.receiveHello(peer, hello, now), nil
	}
	if s == nil {
		return nil, nil
	}
	s.heard = now
	switch f := f.(type) {
	case *dataplane.Data:
		return r.receiveData(s, f, b)
	case *dataplane.Gap:
		return r.receiveGap(s, f, b)
	case *dataplane.Ping:
		return r.receivePing(s, f, now), nil
	case *dataplane.Bye:
		r.drop(s)
		return nil, nil
	case *dataplane.EpochEnd:
		return r.receiveEpochEnd(s, f, b)
	case *dataplane.Control:
		return r.receiveControl(s, f), nil
	case *dataplane.Pong: // a sign of life
		return nil, nil
	}
	return r.malformed(s, fmt.Errorf("%v is the cloud's to send", f.Type())), nil
}

// receiveControl answers what a publisher tells. A reply is answered by nothing.
func (r *Receiver) receiveControl(s *session, f *dataplane.Control) []Reply {
	if f.Reply {
		return nil
	}
	status := dataplane.ControlUnsupported
	if r.options.Control != nil {
		status = r.options.Control(s.publisher.name, f)
	}
	return []Reply{{s.peer, f.Answer(status)}}
}

// receivePing answers, and repeats what was said last: an edge that has
// nothing to say may be waiting for an ACK or a NACK that was lost. A probe asks
// for neither, in the middle of what it says.
func (r *Receiver) receivePing(s *session, f *dataplane.Ping, now time.Time) []Reply {
	pong := Reply{s.peer, &dataplane.Pong{T1: f.T1, T2: now, T3: now}}
	if f.T1.IsZero() {
		return []Reply{pong}
	}
	return append(s.nack(), r.ack(s), pong)
}

// malformed ends the session, if there is one, of a peer that does not speak
// the protocol.
func (r *Receiver) malformed(s *session, err error) []Reply {
	if s == nil {
		return nil
	}
	return r.expel(s, &dataplane.Refuse{Code: dataplane.RefuseMalformed, Text: err.Error()})
}

// receiveData takes records that follow what was received, and what is new of
// those that overlap it.
func (r *Receiver) receiveData(s *session, f *dataplane.Data, b []byte) ([]Reply, *Accepted) {
	first, replies, fresh := r.place(s, run{f.Session, f.Lane, f.Epoch, f.First, f.Last})
	if !fresh {
		return replies, nil
	}
	batch, err := r.options.Packer.Unpack(s.publisher.name, f)
	if err != nil {
		return r.malformed(s, err), nil
	}
	a := &Accepted{
		First: first, Last: f.Last, Messages: batch.Messages[first-f.First:],
		Weight: f.RawSize + messageWeight*uint64(len(batch.Messages)),
	}
	r.accept(s, f.Epoch, a, b)
	return nil, a
}

// receiveGap takes a gap in the place of records. One that overlaps what was
// received cannot be trimmed, as it counts by series: the edge is asked for
// the rest of it.
func (r *Receiver) receiveGap(s *session, f *dataplane.Gap, b []byte) ([]Reply, *Accepted) {
	first, replies, fresh := r.place(s, run{f.Session, f.Lane, f.Epoch, f.From, f.To})
	if !fresh {
		return replies, nil
	}
	if first > f.From {
		return s.turnAway(dataplane.Mark{Epoch: f.Epoch, Seq: first}, dataplane.Mark{Epoch: f.Epoch, Seq: f.From}), nil
	}
	a := &Accepted{First: first, Last: f.To, Gap: f, Weight: seriesWeight * uint64(len(f.Series))}
	r.accept(s, f.Epoch, a, b)
	return nil, a
}

// receiveEpochEnd takes the end of an epoch of which all was received, once,
// else asks for what is missing: nothing of it comes behind, and the edge waits
// with the next one until all is stored. It may be the epoch of an earlier spool.
func (r *Receiver) receiveEpochEnd(s *session, f *dataplane.EpochEnd, b []byte) ([]Reply, *Accepted) {
	state := s.state()
	next := dataplane.Mark{Epoch: f.Epoch, Seq: state.next(f.Epoch)}
	switch {
	case f.Session != s.number || f.Lane != s.lane || f.Epoch == 0 || f.Epoch < state.received.Epoch || f.Epoch > s.newest:
		return nil, nil
	case state.endsBefore(f.Epoch):
		return s.turnAway(state.expected(), dataplane.Mark{Epoch: f.Epoch, Seq: f.Last}), nil
	case f.Last >= next.Seq:
		return s.turnAway(next, dataplane.Mark{Epoch: f.Epoch, Seq: f.Last}), nil
	case f.Epoch == state.received.Epoch && state.ended:
		return nil, nil
	case r.credits[s.lane].full():
		return r.putOff(s, next, next), nil
	}
	a := &Accepted{First: next.Seq, Last: next.Seq - 1, End: f}
	r.accept(s, f.Epoch, a, b)
	return nil, a
}

// accept completes what a session's frame brought, and counts it.
func (r *Receiver) accept(s *session, epoch uint64, a *Accepted, b []byte) {
	a.Publisher, a.Spool, a.Lane, a.Epoch, a.Frame = s.publisher.name, s.spool, s.lane, epoch, b
	a.Weight += uint64(len(b))
	state := s.state()
	state.spool = s.spool
	state.received, state.ended = a.Mark(), a.End != nil
	s.asked = dataplane.Mark{}
	r.credits[s.lane].take(a)
}

// Stored says that the log has answered for these, which are of one lane
// each in the order in which they were accepted.
func (r *Receiver) Stored(accepted []*Accepted, now time.Time) []Reply {
	touched := make(map[*session]struct{})
	for _, a := range accepted {
		l := &r.publisher(a.Publisher).lanes[a.Lane]
		l.stored = a.Mark()
		r.credits[a.Lane].release(a)
		if r.options.DurableLag == 0 {
			l.durable = l.stored
		} else {
			r.trail.add(l, l.stored, now)
		}
		touch(touched, l)
	}
	for _, c := range dataplane.Classes {
		for s := range r.credits[c].hungry() {
			touched[s] = struct{}{}
		}
	}
	return r.ackAll(touched)
}

func touch(sessions map[*session]struct{}, l *laneState) {
	if l.session != nil {
		sessions[l.session] = struct{}{}
	}
}

// Tick does what time alone brings: it acks what has become durable, asks the
// sessions that nothing was heard of, and ends them in the end.
func (r *Receiver) Tick(now time.Time) []Reply {
	touched := make(map[*session]struct{})
	for marks := r.trail.next(now); marks != nil; marks = r.trail.next(now) {
		for l, mark := range marks {
			l.durable = mark
			touch(touched, l)
		}
	}
	var replies []Reply
	for _, s := range r.sessions {
		silent := now.Sub(s.heard)
		switch {
		case silent >= DeadAfter:
			delete(touched, s)
			replies = append(replies, r.expel(s, &dataplane.Refuse{
				Code: dataplane.RefuseSession, Text: fmt.Sprintf("nothing heard in %v", silent),
			})...)
		case silent >= probeAfter && now.Sub(s.pinged) >= PingAfter:
			replies = append(replies, s.ping(now))
		}
	}
	return append(replies, r.ackAll(touched)...)
}

func (r *Receiver) ackAll(sessions map[*session]struct{}) []Reply {
	replies := make([]Reply, 0, len(sessions))
	for s := range sessions {
		replies = append(replies, r.ack(s))
	}
	return replies
}

func (r *Receiver) ack(s *session) Reply {
	state := s.state()
	return Reply{s.peer, &dataplane.Ack{
		Session: s.number, Stored: state.stored, Durable: state.durable, Credit: r.credits[s.lane].grant(s),
	}}
}

// Unreachable says that a peer's connection is gone.
func (r *Receiver) Unreachable(peer Peer) {
	if s := r.sessions[peer]; s != nil {
		r.drop(s)
	}
}

// Goodbye returns a BYE for every peer, with a reason.
func (r *Receiver) Goodbye(reason string) []Reply {
	replies := make([]Reply, 0, len(r.sessions))
	for peer := range r.sessions {
		replies = append(replies, Reply{peer, &dataplane.Bye{Reason: reason}})
	}
	return replies
}
