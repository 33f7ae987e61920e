package main

import (
	"encoding/json"
	"io"

	"datastub/cloudsvc/load"
)

// An order is what a role is told: one line of JSON on its standard input,
// with one field set. The end of the input ends the role.
type order struct {
	Send     *load.Order `json:"send,omitempty"`     // to a source; answered by Sent
	Received uint64      `json:"received,omitempty"` // to a source: what its sink has, since the start
	Cut      bool        `json:"cut,omitempty"`      // to a sink, answered by Result; to a plant, answered by Served
}

// An answer is what a role says, on its standard output, with one field set.
type answer struct {
	Ready    bool         `json:"ready,omitempty"`
	Sent     *load.Sent   `json:"sent,omitempty"`
	Received uint64       `json:"received,omitempty"` // of a sink, unasked
	Result   *load.Result `json:"result,omitempty"`
	Served   uint64       `json:"served,omitempty"` // by a plant, since the cut before
}

// orders returns the orders that come in, until the input ends.
func orders(in io.Reader) <-chan order {
	told := make(chan order)
	go func() {
		defer close(told)
		lines := json.NewDecoder(in)
		for {
			var o order
			if lines.Decode(&o) != nil {
				return
			}
			told <- o
		}
	}()
	return told
}
