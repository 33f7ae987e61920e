package client

import (
	"time"

	"datastub/dataplane"
)

// A Node is a publisher that cloudsvc knows.
type Node struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`              // "uplink" or "http": how it is known
	State      string    `json:"state"`             // "online" or "offline"
	Address    string    `json:"address,omitempty"` // at which cloudsvc reads it
	Detail     string    `json:"detail,omitempty"`  // how it goes to read it there, for people
	Software   string    `json:"software,omitempty"`
	Topics     []string  `json:"topics"`
	Registered time.Time `json:"registered"`
	LastSeen   time.Time `json:"lastSeen"`

	// What a mapper said of itself last; nil where it said nothing.
	ClockOffset *float64   `json:"clockOffset,omitempty"` // to be added to its clock to have cloudsvc's, in seconds
	RoundTrip   *float64   `json:"roundTrip,omitempty"`   // with which that was found, in seconds
	Spool       *NodeSpool `json:"spool,omitempty"`
}

// NodeSpool is where a mapper's messages wait for cloudsvc, and how many do.
type NodeSpool struct {
	dataplane.SpoolReport
	Held uint64 `json:"held"` // messages not known to be durable in cloudsvc
}
