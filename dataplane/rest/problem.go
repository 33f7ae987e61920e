package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// A Problem tells a caller what went wrong: RFC 9457's problem details.
type Problem struct {
	Type     string `json:"type"`             // urn:datastub:problem:<kind>; never changes
	Title    string `json:"title"`            // the kind, for people; the same for each type
	Status   int    `json:"status,omitempty"` // of the answer; none in the last line of a stream
	Detail   string `json:"detail,omitempty"` // this occurrence, for people
	Instance string `json:"instance,omitempty"`

	Errors []InvalidField `json:"errors,omitempty"` // of invalid-request: each thing that is wrong
	More   int            `json:"more,omitempty"`   // how many further ones Errors leaves out
}

const (
	problemType        = "urn:datastub:problem:"
	problemContentType = "application/problem+json"
)

// A Kind is one row of a table from error to answer.
type Kind struct {
	Err    error // what the error is, by errors.Is; nil: any, as the last row has it
	Status int
	Name   string // the problem's type, behind its prefix
	Title  string
	Detail string // instead of the error's own text, where that may tell internals
}

// problem returns an occurrence of the kind.
func (k *Kind) problem(detail string) Problem {
	return Problem{Type: k.Type(), Title: k.Title, Status: k.Status, Detail: detail}
}

// Type returns the type of the kind's problems.
func (k *Kind) Type() string { return problemType + k.Name }

// Kinds is a table from error to answer, first match wins. Its last row is for
// what is in none of the others: it has a nil Err, and a Detail, as a caller
// is told nothing of an error that nobody thought of.
type Kinds []Kind

// The kinds of what this package finds out itself.
var (
	kindInvalid  = Kind{Status: http.StatusBadRequest, Name: "invalid-request", Title: "Invalid request"}
	kindTooLarge = Kind{Status: http.StatusRequestEntityTooLarge, Name: "too-large", Title: "Too large"}
)

// Problem returns what a caller is told of an error. An *InvalidError and an
// *http.MaxBytesError have kinds of their own, invalid-request and too-large.
func (k Kinds) Problem(err error) Problem {
	var invalid *InvalidError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &invalid):
		p := kindInvalid.problem(invalid.Error())
		p.Errors, p.More = invalid.Fields, invalid.More
		return p
	case errors.As(err, &large):
		return kindTooLarge.problem(fmt.Sprintf("the body is larger than %d bytes", large.Limit))
	}
	for i := range k {
		if k[i].Err != nil && !errors.Is(err, k[i].Err) {
			continue
		}
		if k[i].Detail == "" {
			return k[i].problem(err.Error())
		}
		return k[i].problem(k[i].Detail)
	}
	return Problem{}
}

// Write answers a request with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", problemContentType)
	w.Header().Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	b, _ := json.Marshal(p)         // strings and numbers always marshal
	_, _ = w.Write(append(b, '\n')) // a client that left needs no answer
}
