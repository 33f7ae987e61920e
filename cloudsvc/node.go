package cloudsvc

import (
	"maps"
	"slices"
	"time"

	"datastub/dataplane"
)

// State tells whether a node was heard of lately.
type State string

// The states of a node.
const (
	Online  State = "online"
	Offline State = "offline"
)

// Kind is how a node is known.
type Kind string

// The kinds of nodes.
const (
	KindUplink Kind = "uplink" // a mapper, by the frames it sends
	KindHTTP   Kind = "http"   // anybody else, by POST /register
)

// A Node is a publisher as the Registry knows it.
type Node struct {
	ID         string    `json:"id"`
	Kind       Kind      `json:"kind"`
	State      State     `json:"state"`
	Address    string    `json:"address,omitempty"`  // tcp:// URL at which it publishes, and is read
	Detail     string    `json:"detail,omitempty"`   // how it goes to read it there, for people
	Software   string    `json:"software,omitempty"` // name and version, as it says itself
	Topics     []string  `json:"topics"`             // registered or seen in its messages, sorted
	Registered time.Time `json:"registered"`         // when it was first heard of
	LastSeen   time.Time `json:"lastSeen"`

	// What a mapper said of itself last; nil where it said nothing.
	ClockOffset *float64   `json:"clockOffset,omitempty"` // to be added to its time to have cloudsvc's, in seconds
	RoundTrip   *float64   `json:"roundTrip,omitempty"`   // of the pings that this is taken from, in seconds
	Spool       *NodeSpool `json:"spool,omitempty"`
}

// NodeSpool is where a node's messages wait for cloudsvc, and how many do.
type NodeSpool struct {
	dataplane.SpoolReport
	Held uint64 `json:"held"`
}

// describe fills in what a report says.
func (n *Node) describe(report *dataplane.Report) {
	if report == nil {
		return
	}
	if c := report.Clock; c != nil {
		n.ClockOffset, n.RoundTrip = &c.Offset, &c.RoundTrip
	}
	n.Spool = &NodeSpool{SpoolReport: report.Spool}
	for _, c := range report.Classes {
		n.Spool.Held += c.Held
	}
}

// publishes tells whether one of the node's topics matches.
func (n *Node) publishes(filter dataplane.Filter) bool {
	return slices.ContainsFunc(n.Topics, filter.Match)
}

// nodeEntry is what the registry keeps of a node.
type nodeEntry struct {
	kind                 Kind
	address, software    string
	detail               string              // of reading it at its address
	declared             []string            // by Register, sorted; the next one replaces it, nobody changes it
	published            map[string]struct{} // by Published, only ever added to
	registered, lastSeen time.Time
	report               *dataplane.Report // nil: none yet; nobody changes it
	gone                 bool              // it said goodbye, or its connection broke
	full                 bool              // a topic was refused: said once
	misreported          bool              // a report made no sense: said once
}

func (e *nodeEntry) state(now time.Time, expire time.Duration) State {
	if e.gone || now.Sub(e.lastSeen) > expire {
		return Offline
	}
	return Online
}

func (e *nodeEntry) node(id string, state State) Node {
	topics := slices.AppendSeq(slices.Clone(e.declared), maps.Keys(e.published))
	slices.Sort(topics)
	topics = slices.Compact(topics)
	if topics == nil {
		topics = []string{} // "[]" in JSON, not null
	}
	n := Node{
		ID: id, Kind: e.kind, State: state, Address: e.address, Detail: e.detail, Software: e.software,
		Topics: topics, Registered: e.registered, LastSeen: e.lastSeen,
	}
	n.describe(e.report)
	return n
}
