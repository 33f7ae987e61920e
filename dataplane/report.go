package dataplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ControlReport is the kind of CONTROL in which a publisher tells cloudsvc how
// it is: its body is a Report, the revision rises. It comes from the edge, on
// the RT lane, and is answered like any CONTROL.
const ControlReport = "report"

const (
	// maxReport is the largest report, in bytes: one is far smaller.
	maxReport = 16 << 10
	// maxFault is the longest text of a fault, in bytes: whoever keeps the
	// reports of very many publishers keeps as many of them.
	maxFault = 1 << 10
)

// A Report is a publisher's own account, in JSON on the wire: what it knows
// that its records do not show. A reader passes over keys that it does not
// know. Its counts begin with the process.
type Report struct {
	Started time.Time           `json:"started"` // since when the counts are, by the edge's clock
	Time    time.Time           `json:"time"`    // when it was made, by the edge's clock
	Clock   *ClockOffset        `json:"clock,omitempty"`
	Spool   SpoolReport         `json:"spool"`
	Classes map[Class]EdgeCount `json:"classes"`
}

// ClockOffset compares an edge's clock with the cloud's.
type ClockOffset struct {
	// Offset is what is to be added to the edge's time to have the cloud's, in
	// seconds: a positive one says that the edge is behind.
	Offset    float64 `json:"offset"`
	RoundTrip float64 `json:"roundTrip"` // of the pings that it was taken from, in seconds
}

// SpoolReport tells where records wait at the edge.
type SpoolReport struct {
	Storage string `json:"storage"`        // disk or memory: where they are meant to be
	Sync    string `json:"sync,omitempty"` // of disk: none, 1s or always
	// Fault is why they are kept in memory though there is a disk; empty: they
	// are not.
	Fault string    `json:"fault,omitempty"`
	Since time.Time `json:"since,omitzero"` // of the fault
}

// EdgeCount is what came of the values of one class at the edge, in messages:
//
//	Read = Filtered + Refused + Accepted
//
// where nothing is on its way at that moment.
type EdgeCount struct {
	Read     uint64        `json:"read"`     // values read of devices, and messages offered by other programs
	Filtered FilteredCount `json:"filtered"` // not published, as their rules say
	Refused  uint64        `json:"refused"`  // no message can carry them, or the data plane does not take them: lost
	Accepted uint64        `json:"accepted"` // Publish returned nil
	Sent     uint64        `json:"sent"`     // put on the wire, each once however often it was sent
	Dropped  uint64        `json:"dropped"`  // accepted, and lost at the edge: they become gaps
	Held     uint64        `json:"held"`     // waiting, not known to be durable in the cloud
	// Last is the last message accepted, and its epoch.
	Epoch uint64 `json:"epoch"`
	Last  uint64 `json:"last"`
}

// FilteredCount is by the rule that kept a value back.
type FilteredCount struct {
	Publish  uint64 `json:"publish"` // publish: false
	OnChange uint64 `json:"onChange"`
	Deadband uint64 `json:"deadband"`
}

// Sum returns all of them.
func (f FilteredCount) Sum() uint64 { return f.Publish + f.OnChange + f.Deadband }

// Control returns the report as a frame.
func (r *Report) Control(revision uint64) (*Control, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("make a report: %w", err)
	}
	return &Control{Kind: ControlReport, Revision: revision, Body: body}, nil
}

// ParseReport reads the body of a CONTROL of kind ControlReport. An error wraps
// ErrMalformed.
func ParseReport(body []byte) (*Report, error) {
	if len(body) > maxReport {
		return nil, fmt.Errorf("%w: a report of %d bytes: want %d at most", ErrMalformed, len(body), maxReport)
	}
	r := new(Report)
	if err := json.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("%w: report: %w", ErrMalformed, err)
	}
	var errs []error
	if r.Spool.Storage != StorageDisk && r.Spool.Storage != StorageMemory {
		errs = append(errs, fmt.Errorf("spool.storage %.16q: want %s or %s", r.Spool.Storage, StorageDisk, StorageMemory))
	}
	if !slices.Contains([]string{"", "none", "1s", "always"}, r.Spool.Sync) {
		errs = append(errs, fmt.Errorf("spool.sync %.16q: want none, 1s or always", r.Spool.Sync))
	}
	if len(r.Spool.Fault) > maxFault {
		errs = append(errs, fmt.Errorf("spool.fault of %d bytes: want %d at most", len(r.Spool.Fault), maxFault))
	}
	if r.Started.IsZero() || r.Time.IsZero() {
		errs = append(errs, errors.New("started or time is missing"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w: report: %w", ErrMalformed, err)
	}
	return r, nil
}

// Where records wait at the edge.
const (
	StorageDisk   = "disk"
	StorageMemory = "memory"
)
