package ledger

import (
	"time"

	"datastub/dataplane"
)

// A Ledger is what cloudsvc knows of what publishers accepted, and what came of
// it.
type Ledger struct {
	Since    time.Time                   `json:"since"`    // of the counts; the proofs are of all that the log has
	Accounts []Account                   `json:"accounts"` // by publisher and class
	Others   Counts                      `json:"others"`   // of publishers that there was no room for
	Log      map[dataplane.Class]Reading `json:"log"`
}

// An Account is one class of one publisher.
type Account struct {
	Publisher string          `json:"publisher"` // <node>/<mapper>
	Class     dataplane.Class `json:"class"`
	Counts    Counts          `json:"counts"`
	Edge      *Edge           `json:"edge,omitempty"` // what the publisher tells; nil: nothing
	Epochs    []Epoch         `json:"epochs"`         // the oldest first
}

// Counts are messages since cloudsvc began to count.
type Counts struct {
	Stored    uint64 `json:"stored"`    // in the log
	Lost      uint64 `json:"lost"`      // told by publishers to be lost, where they know how many
	Delivered uint64 `json:"delivered"` // queued for a subscriber: each counts
}

// Add adds others.
func (c *Counts) Add(o Counts) {
	c.Stored += o.Stored
	c.Lost += o.Lost
	c.Delivered += o.Delivered
}

// Edge is what a publisher told of a class last; see dataplane.EdgeCount.
type Edge struct {
	Started time.Time `json:"started"` // since when it counts, by its clock
	Time    time.Time `json:"time"`    // of what it told, by its clock
	Storage string    `json:"storage"` // disk or memory
	dataplane.EdgeCount
}

// Reading tells how far a class's log was read for the proofs.
type Reading struct {
	First   uint64   `json:"first"`             // its first block
	Last    uint64   `json:"last"`              // its last block when it was read
	Read    uint64   `json:"read"`              // the last one read; before Last for want of time or room
	Corrupt []uint64 `json:"corrupt,omitempty"` // blocks that cannot be read
	Reason  string   `json:"reason,omitempty"`  // why it was not read to its end
}

// Complete tells whether all was read.
func (r *Reading) Complete() bool { return r.Read >= r.Last }

// Trimmed tells whether the log has let go of its beginning.
func (r *Reading) Trimmed() bool { return r.First > 1 }
