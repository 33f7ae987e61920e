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
	gone                 bool // it said goodbye, or its connection broke
	full                 bool // a topic was refused: said once
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
	return Node{
		ID: id, Kind: e.kind, State: state, Address: e.address, Detail: e.detail, Software: e.software,
		Topics: topics, Registered: e.registered, LastSeen: e.lastSeen,
	}
}
