package cloudsvc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane/rest"
)

// ErrRegistryFull refuses a node: as many as may be are known, or as many
// topics, and none of a node that could make room.
var ErrRegistryFull = errors.New("as many nodes or topics as may be are registered and online")

// ErrTooManyProducers refuses an address: as many producers as may be are
// registered and online.
var ErrTooManyProducers = errors.New("as many producers as may be are read at their addresses")

// ErrUplinkNode refuses a registration under the id of a node that is known
// by its uplink, and so is somebody else's.
var ErrUplinkNode = errors.New("a mapper is known by this id through its uplink: register under another id")

// RegistryOptions bound a Registry. A zero takes the default.
type RegistryOptions struct {
	Expire       time.Duration    // without a word for this long a node is offline; 30 s
	Forget       time.Duration    // and after this long it is forgotten; 24 h
	MaxNodes     int              // nodes known at once; 10,000
	MaxTopics    int              // topics known of one node; 10,000
	MaxAllTopics int              // topics known of all nodes together; 1,000,000
	MaxProducers int              // nodes that are online and read at an address; 100
	Now          func() time.Time // the clock; time.Now
	Logger       klog.Logger      // the zero one says nothing
}

func (o *RegistryOptions) setDefaults() {
	setDefault(&o.Expire, 30*time.Second)
	setDefault(&o.Forget, 24*time.Hour)
	setDefault(&o.MaxNodes, 10_000)
	setDefault(&o.MaxTopics, 10_000)
	setDefault(&o.MaxAllTopics, 1_000_000)
	setDefault(&o.MaxProducers, 100)
	if o.Now == nil {
		o.Now = time.Now
	}
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// A Registry knows the publishers: those whose frames arrive by the uplink
// and those that registered over HTTP. A node is online while it was heard of
// within Expire; that is computed when somebody asks, nothing runs in the
// background.
//
// It lives in memory. After a restart of cloudsvc an uplink's node is back
// with its first frame, as its session must say HELLO again, and an HTTP one
// with its next heartbeat; topics seen in messages are back with the next
// message.
//
// When MaxNodes are known, the node that has been offline longest makes room
// for a new one, for a sixteenth of them a second; where none can, the new one
// is refused and only it: its messages pass, it is just not listed. So it is
// with topics above MaxAllTopics, and with a node's above MaxTopics, for which
// nobody makes room. Each such decision is counted.
type Registry struct {
	options RegistryOptions

	// registered holds one token while a node with an address registered, or one
	// that had one, and nobody looked.
	registered chan struct{}

	mu       sync.Mutex
	nodes    map[string]*nodeEntry
	longest  []string  // that are offline, as far as is known: the first is to make room first
	nextWalk time.Time // before this nobody looks for those that are
	topics   int       // of all nodes
	counts   registryCounts
}

// NewRegistry returns an empty registry.
func NewRegistry(options RegistryOptions) *Registry {
	options.setDefaults()
	return &Registry{options: options, registered: make(chan struct{}, 1), nodes: make(map[string]*nodeEntry)}
}

// Register takes in what a publisher says of itself; again, it is a
// heartbeat, which changes the address and the topics if it brings any. The
// error is a *rest.InvalidError, or wraps ErrRegistryFull, ErrTooManyProducers
// or ErrUplinkNode; then nothing has changed.
func (r *Registry) Register(registration Registration) (Node, error) {
	var invalid rest.InvalidError
	registration.validate(r.options.MaxTopics, invalid.Add)
	if err := invalid.OrNil(); err != nil {
		return Node{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.nodes[registration.ID]; e != nil && e.kind == KindUplink {
		return Node{}, fmt.Errorf("id %q: %w", registration.ID, ErrUplinkNode)
	}
	if !r.mayBeRead(&registration) {
		return Node{}, fmt.Errorf("%w: %d", ErrTooManyProducers, r.options.MaxProducers)
	}
	if !r.mayBeListed(&registration) {
		return Node{}, ErrRegistryFull
	}
	e := r.touch(registration.ID, KindHTTP)
	if e == nil {
		return Node{}, ErrRegistryFull
	}
	if registration.Address != nil && e.address != *registration.Address {
		e.address, e.detail = *registration.Address, ""
	}
	if registration.Topics != nil {
		r.topics += len(registration.Topics) - len(e.declared)
		e.declared = slices.Sorted(slices.Values(registration.Topics))
	}
	if registration.Address != nil || e.address != "" {
		signal(r.registered)
	}
	return e.node(registration.ID, Online), nil
}

// Seen notes that a frame of an uplink's node arrived. An empty software
// keeps what is known.
func (r *Registry) Seen(id, software string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.touch(id, KindUplink)
	if e == nil {
		return
	}
	e.kind = KindUplink
	if software != "" {
		e.software = software
	}
}

// Gone notes that a node left: it is offline until it is heard of again.
func (r *Registry) Gone(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.nodes[id]; e != nil {
		e.gone = true
	}
}

// Published notes topics of messages that a known node sent.
func (r *Registry) Published(id string, topics []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeRoom(len(topics))
	e := r.nodes[id]
	if e == nil {
		return
	}
	for _, topic := range topics {
		if _, known := e.published[topic]; known {
			continue
		}
		if len(e.published) >= r.options.MaxTopics || r.topics >= r.options.MaxAllTopics {
			r.refuseTopic(id, e, topic)
			continue
		}
		if e.published == nil {
			e.published = make(map[string]struct{})
		}
		e.published[topic] = struct{}{}
		r.topics++
	}
}

// touch returns the entry of a node that was just heard of, a new one for a
// stranger, or nil where there is no room. r.mu is held.
func (r *Registry) touch(id string, kind Kind) *nodeEntry {
	now := r.options.Now()
	e := r.nodes[id]
	if e == nil {
		if len(r.nodes) >= r.options.MaxNodes && !r.evict(now) {
			r.counts.nodesRefused++
			return nil
		}
		e = &nodeEntry{kind: kind, registered: now}
		r.nodes[strings.Clone(id)] = e
		r.options.Logger.V(1).Info("node registered", "node", id, "kind", kind)
	}
	e.lastSeen, e.gone = now, false
	return e
}

// refuseTopic counts a topic that is not listed, and says so once a node.
// r.mu is held.
func (r *Registry) refuseTopic(id string, e *nodeEntry, topic string) {
	r.counts.topicsRefused++
	if e.full {
		return
	}
	e.full = true
	r.options.Logger.Info("topics of a node are no longer listed: there are as many as may be",
		"node", id, "topics", len(e.published), "ofAllNodes", r.topics, "first", topic)
}
