package main

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/klog/v2"

	"datastub/cloudsvc/load"
	"datastub/dataplane"
)

// A setup is what a role is to be, given as JSON on its command line.
type setup struct {
	Kind    kind            `json:"kind"`
	Address string          `json:"address"` // of the program in between, or of the source
	Topic   string          `json:"topic"`
	Class   dataplane.Class `json:"class"`
	Node    string          `json:"node,omitempty"`   // a source's name
	Window  int             `json:"window,omitempty"` // of a source
	Hooks   int             `json:"hooks,omitempty"`  // of a sink: how many receivers have each message
}

// copies returns how often a sink receives each message.
func (s setup) copies() uint64 { return uint64(max(1, s.Hooks)) }

// A kind is a way that messages take.
type kind string

const (
	kindDatastub kind = "datastub"
	kindZMQ      kind = "zmq"
	kindMQTT     kind = "mqtt"
	kindHook     kind = "hook"   // a sink of cloudsvc's webhooks
	kindModbus   kind = "modbus" // a plant
)

// outlet opens a source's end.
func (s setup) outlet() (outlet, error) {
	switch s.Kind {
	case kindDatastub:
		return load.NewPublisher(s.Address, s.Node, klog.Background())
	case kindZMQ:
		return newZMQOutlet(s)
	case kindMQTT:
		return newMQTTOutlet(s)
	}
	return nil, fmt.Errorf("no source of kind %q", s.Kind)
}

// inlet opens a sink's end, and returns when whatever is sent from now on
// will come out of it.
func (s setup) inlet(ctx context.Context, tally *load.Tally) (inlet, error) {
	switch s.Kind {
	case kindDatastub:
		return load.NewSink(ctx, s.Address, s.Topic, tally)
	case kindZMQ:
		return newZMQInlet(s, tally)
	case kindMQTT:
		return newMQTTInlet(s, tally)
	case kindHook:
		return newHookInlet(ctx, s, tally)
	}
	return nil, fmt.Errorf("no sink of kind %q", s.Kind)
}

// String returns the setup as a role's command line has it.
func (s setup) String() string {
	text, _ := json.Marshal(s) // of texts and numbers
	return string(text)
}

// parseSetup reads what String returns.
func parseSetup(text string) (s setup, err error) {
	err = json.Unmarshal([]byte(text), &s)
	return s, err
}

// A numbering gives ids as a spool does, for the ways that have none.
type numbering struct{ id dataplane.ID }

func newNumbering(s setup) *numbering {
	return &numbering{dataplane.ID{Publisher: s.Node + "/load", Class: s.Class, Epoch: 1}}
}

// give numbers messages. The devices take turns, so all are as far.
func (n *numbering) give(messages []dataplane.Message) {
	for i := range messages {
		n.id.Seq++
		m := &messages[i]
		m.ID, m.Node, m.Seq = n.id, "load", 1+(n.id.Seq-1)/sourceDevices
	}
}
