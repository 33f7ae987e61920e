package uplink

import (
	"time"

	"datastub/dataplane"
)

// probeAfter is how long the cloud waits for a sign of life before it asks. An
// edge that hears nothing asks earlier; one that hears of its records becoming
// durable has no reason to.
const probeAfter = 2 * PingAfter

// session is one granted connection.
type session struct {
	peer           Peer
	number         uint64
	publisher      *publisher
	software       string // for people
	spool          dataplane.SpoolID
	lane           dataplane.Class
	oldest, newest uint64 // the epochs that HELLO told of

	heard   time.Time // when the last frame came
	pinged  time.Time // when the last PING went
	claimed time.Time // since when another spool claims the name and this one owes a PONG

	asked dataplane.Mark // what the last NACK asked for; zero: it came
	ahead dataplane.Mark // where the last frame began that was turned away for it
}

func (s *session) state() *laneState { return &s.publisher.lanes[s.lane] }

// ping asks for a sign of life.
func (s *session) ping(now time.Time) Reply {
	s.pinged = now
	return Reply{s.peer, &dataplane.Ping{T1: now}}
}

// claim asks the session for a sign of life because another spool claims the
// publisher's name, and tells whether that has been asked in vain for
// PingAfter.
func (s *session) claim(now time.Time) (ping Reply, gone bool) {
	if s.claimed.IsZero() || s.heard.After(s.claimed) {
		s.claimed = now
	}
	return s.ping(now), now.Sub(s.claimed) >= PingAfter
}

// open begins a session.
func (r *Receiver) open(peer Peer, p *publisher, f *dataplane.Hello, now time.Time) *session {
	s := &session{
		peer: peer, number: r.options.Session(), publisher: p, software: f.Software, spool: f.Spool, lane: f.Lane,
		oldest: f.Epochs[0].Epoch, newest: f.Epochs[len(f.Epochs)-1].Epoch,
		heard: now, pinged: now,
	}
	s.state().session = s
	r.publishers[p.name] = p
	r.sessions[peer] = s
	r.credits[s.lane].sessions++
	return s
}

// drop forgets a session.
func (r *Receiver) drop(s *session) {
	delete(r.sessions, s.peer)
	r.credits[s.lane].leave(s)
	s.state().session = nil
	if s.publisher.forgettable() {
		delete(r.publishers, s.publisher.name)
	}
}

// expel ends a session and says why.
func (r *Receiver) expel(s *session, why *dataplane.Refuse) []Reply {
	r.drop(s)
	return []Reply{{s.peer, why}}
}

// Publisher returns the name of the publisher that a peer has a session of,
// and its software; both are empty where it has none.
func (r *Receiver) Publisher(peer Peer) (name, software string) {
	if s := r.sessions[peer]; s != nil {
		return s.publisher.name, s.software
	}
	return "", ""
}

// Sessions returns how many sessions of a lane are open.
func (r *Receiver) Sessions(lane dataplane.Class) int { return r.credits[lane].sessions }

// Connected tells whether a publisher has a session of any lane.
func (r *Receiver) Connected(name string) bool {
	p := r.publishers[name]
	return p != nil && (p.lanes[dataplane.RT].session != nil || p.lanes[dataplane.BT].session != nil)
}
