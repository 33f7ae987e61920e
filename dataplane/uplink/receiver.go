package uplink

import (
	"errors"
	"fmt"
	"time"

	"datastub/dataplane"
)

// Credit bounds, in bytes. RT always gets at least minCredit a session; BT
// gets what its budget has left, nothing if need be.
const (
	minCredit = 64 << 10
	maxCredit = 1 << 20
)

// retryInUse is when a publisher may try again after another spool was found
// in its place: long enough for the probe of the other to have come back.
const retryInUse = time.Second

// Peer is a connection's name, as the socket knows it.
type Peer string

// Reply is a frame for a peer.
type Reply struct {
	To    Peer
	Frame dataplane.Frame
}

// Accepted is a run of records that was taken in and is to be stored. Its
// place in the log is after all that was accepted before it on its lane.
type Accepted struct {
	Publisher   string
	Spool       dataplane.SpoolID
	Lane        dataplane.Class
	Epoch       uint64
	First, Last uint64              // what is new: the frame may begin before First
	Frame       []byte              // as the edge packed it
	Messages    []dataplane.Message // First to Last; none for a Gap
	Gap         *dataplane.Gap
}

// Mark returns the mark of the last record.
func (a *Accepted) Mark() dataplane.Mark { return dataplane.Mark{Epoch: a.Epoch, Seq: a.Last} }

// ReceiverOptions describe a Receiver.
type ReceiverOptions struct {
	Packer *dataplane.Packer
	// Budget is how many bytes a class may hold that are accepted and not
	// stored, over all sessions.
	Budget uint64
	// DurableLag is how long what is stored needs to become durable; 0 if the
	// log syncs before it answers.
	DurableLag time.Duration
	// Session makes a new session's number, never 0 and hard to guess.
	Session func() uint64
}

// Receiver is the cloud end of all lanes of all publishers. It is not safe
// for concurrent use.
type Receiver struct {
	ReceiverOptions
	sessions   map[Peer]*session
	publishers map[string]*publisher
	pending    map[dataplane.Class]uint64 // bytes accepted and not stored
	count      map[dataplane.Class]int    // sessions
	starved    map[*session]struct{}      // BT sessions that were granted too little to go on
	trail      []trailing                 // what is stored and not yet durable, oldest first
}

// publisher is what is known of one publisher, connected or not.
type publisher struct {
	name  string
	lanes [3]laneState // by Class
}

// laneState is how far a lane has come: durable ≤ stored ≤ received.
type laneState struct {
	spool                     dataplane.SpoolID // that they were sent from
	received, stored, durable dataplane.Mark
	session                   *session // nil: not connected
}

// session is one granted connection.
type session struct {
	peer      Peer
	number    uint64
	publisher *publisher
	lane      dataplane.Class
	heard     time.Time
	granted   uint64
}

func (s *session) state() *laneState { return &s.publisher.lanes[s.lane] }

// trailing becomes durable at a time.
type trailing struct {
	at        time.Time
	publisher *publisher
	lane      dataplane.Class
	mark      dataplane.Mark
}

// NewReceiver returns a Receiver that knows no publisher.
func NewReceiver(o ReceiverOptions) *Receiver {
	return &Receiver{
		ReceiverOptions: o,
		sessions:        make(map[Peer]*session),
		publishers:      make(map[string]*publisher),
		pending:         make(map[dataplane.Class]uint64),
		count:           make(map[dataplane.Class]int),
		starved:         make(map[*session]struct{}),
	}
}

// Restore tells, before the first frame, how far a lane's records are in the
// log.
func (r *Receiver) Restore(name string, spool dataplane.SpoolID, lane dataplane.Class, stored dataplane.Mark) {
	s := &r.publisher(name).lanes[lane]
	s.spool = spool
	s.received, s.stored, s.durable = stored, stored, stored
}

func (r *Receiver) publisher(name string) *publisher {
	p := r.publishers[name]
	if p == nil {
		p = &publisher{name: name}
		r.publishers[name] = p
	}
	return p
}

// Receive takes one message from a peer. It returns what is to be answered,
// and, if the message brought records that are new, what is to be stored;
// Stored is called for it, once and in order, when it is. The bytes belong to
// the receiver from here on. A peer that has no session gets no answer but to
// a valid HELLO.
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
		return []Reply{{peer, &dataplane.Pong{T1: f.T1, T2: now, T3: now}}}, nil
	case *dataplane.Bye:
		r.drop(s)
		return nil, nil
	case *dataplane.Pong, *dataplane.Control, *dataplane.EpochEnd:
		return nil, nil // a sign of life; there is nothing to do about the others yet
	}
	return r.malformed(s, fmt.Errorf("%v is the cloud's to send", f.Type())), nil
}

// malformed ends the session of a peer that does not speak the protocol.
func (r *Receiver) malformed(s *session, err error) []Reply {
	if s == nil {
		return nil
	}
	r.drop(s)
	return []Reply{{s.peer, &dataplane.Refuse{Code: dataplane.RefuseMalformed, Text: err.Error()}}}
}

// receiveData takes records that follow what was received.
func (r *Receiver) receiveData(s *session, f *dataplane.Data, b []byte) ([]Reply, *Accepted) {
	first, replies, fresh := r.place(s, f.Session, f.Lane, f.Epoch, f.First, f.Last)
	if !fresh {
		return replies, nil
	}
	batch, err := r.Packer.Unpack(s.publisher.name, f)
	if err != nil {
		return r.malformed(s, err), nil
	}
	a := r.accept(s, f.Epoch, first, f.Last, b)
	a.Messages = batch.Messages[first-f.First:]
	return nil, a
}

// receiveGap takes a gap in the place of records.
func (r *Receiver) receiveGap(s *session, f *dataplane.Gap, b []byte) ([]Reply, *Accepted) {
	first, replies, fresh := r.place(s, f.Session, f.Lane, f.Epoch, f.From, f.To)
	if !fresh {
		return replies, nil
	}
	a := r.accept(s, f.Epoch, first, f.To, b)
	a.Gap = f
	return nil, a
}

var errRange = errors.New("a range that ends before it begins, or begins with 0")

// place finds what is new of records first to last of an epoch: fresh tells
// whether there is any, and from tells where it begins.
func (r *Receiver) place(s *session, number uint64, lane dataplane.Class, epoch, first, last uint64) (from uint64, replies []Reply, fresh bool) {
	if number != s.number || lane != s.lane {
		return 0, r.malformed(s, fmt.Errorf("session %d, lane %v: this is session %d, lane %v", number, lane, s.number, s.lane)), false
	}
	if first == 0 || last < first {
		return 0, r.malformed(s, errRange), false
	}
	state := s.state()
	end := dataplane.Mark{Epoch: epoch, Seq: last}
	switch {
	case end.Compare(state.stored) <= 0:
		return 0, []Reply{r.ack(s)}, false
	case end.Compare(state.received) <= 0:
		return 0, nil, false // on its way into the log: acked when it is there
	}
	next := uint64(1)
	if epoch == state.received.Epoch {
		next = state.received.Seq + 1
	}
	if first > next {
		expected := dataplane.Mark{Epoch: epoch, Seq: next}
		return 0, []Reply{{s.peer, &dataplane.Nack{Session: s.number, Expected: expected}}}, false
	}
	return next, nil, true
}

func (r *Receiver) accept(s *session, epoch, first, last uint64, b []byte) *Accepted {
	s.state().received = dataplane.Mark{Epoch: epoch, Seq: last}
	r.pending[s.lane] += uint64(len(b))
	return &Accepted{
		Publisher: s.publisher.name, Spool: s.state().spool, Lane: s.lane,
		Epoch: epoch, First: first, Last: last, Frame: b,
	}
}

// Stored says that the log has answered for these, which are of one lane
// each in the order in which they were accepted.
func (r *Receiver) Stored(accepted []*Accepted, now time.Time) []Reply {
	touched := make(map[*session]struct{})
	for _, a := range accepted {
		p := r.publisher(a.Publisher)
		s := &p.lanes[a.Lane]
		s.stored = a.Mark()
		r.pending[a.Lane] -= uint64(len(a.Frame))
		if r.DurableLag == 0 {
			s.durable = s.stored
		} else {
			r.trail = append(r.trail, trailing{now.Add(r.DurableLag), p, a.Lane, s.stored})
		}
		if s.session != nil {
			touched[s.session] = struct{}{}
		}
	}
	for s := range r.starved {
		touched[s] = struct{}{}
	}
	return r.ackAll(touched)
}

// Tick does what time alone brings: it acks what has become durable, and
// forgets the sessions that nothing was heard of.
func (r *Receiver) Tick(now time.Time) []Reply {
	touched := make(map[*session]struct{})
	for len(r.trail) > 0 && !r.trail[0].at.After(now) {
		t := r.trail[0]
		r.trail = r.trail[1:]
		s := &t.publisher.lanes[t.lane]
		s.durable = t.mark
		if s.session != nil {
			touched[s.session] = struct{}{}
		}
	}
	for _, s := range r.sessions {
		if now.Sub(s.heard) >= DeadAfter {
			r.drop(s)
			delete(touched, s)
		}
	}
	return r.ackAll(touched)
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
		Session: s.number, Stored: state.stored, Durable: state.durable, Credit: r.grant(s),
	}}
}

// grant returns a session's share of what its class has left.
func (r *Receiver) grant(s *session) uint64 {
	left := uint64(0)
	if p := r.pending[s.lane]; p < r.Budget {
		left = r.Budget - p
	}
	credit := min(left/uint64(max(r.count[s.lane], 1)), maxCredit)
	if s.lane == dataplane.RT {
		credit = max(credit, minCredit)
	}
	s.granted = credit
	if credit < minCredit {
		r.starved[s] = struct{}{}
	} else {
		delete(r.starved, s)
	}
	return credit
}

// Unreachable says that a peer's connection is gone.
func (r *Receiver) Unreachable(peer Peer) {
	if s := r.sessions[peer]; s != nil {
		r.drop(s)
	}
}

// drop forgets a session.
func (r *Receiver) drop(s *session) {
	delete(r.sessions, s.peer)
	delete(r.starved, s)
	r.count[s.lane]--
	if state := s.state(); state.session == s {
		state.session = nil
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
