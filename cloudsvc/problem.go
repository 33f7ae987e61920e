package cloudsvc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// A Problem tells a caller what went wrong: RFC 9457's problem details, with
// the extension members of which a kind has need.
type Problem struct {
	Type     string `json:"type"`             // urn:datastub:problem:<kind>; never changes
	Title    string `json:"title"`            // the kind, for people; the same for each type
	Status   int    `json:"status,omitempty"` // of the answer; none in the last line of a stream
	Detail   string `json:"detail,omitempty"` // this occurrence, for people
	Instance string `json:"instance,omitempty"`

	Errors []InvalidField `json:"errors,omitempty"` // of invalid-request: each thing that is wrong
	More   int            `json:"more,omitempty"`   // how many further ones Errors leaves out

	Reason   string `json:"reason,omitempty"`   // of stream-ended
	Position string `json:"position,omitempty"` // of stream-ended: where the stream can go on
}

const (
	problemType        = "urn:datastub:problem:"
	problemContentType = "application/problem+json"
)

// What the API itself decides.
var (
	errNoSuchPath       = errors.New("there is nothing at this path; GET /openapi.yaml lists what there is")
	errMethodNotAllowed = errors.New("the path does not take this method; the Allow header lists those it takes")
	errCrossOrigin      = errors.New("a web page of another origin may not do this with its visitor's browser")
	errWebhooks         = errors.New("webhooks are not built yet: leave callback out and POST {\"topic\":\"…\"} to get a stream")
	errNotReady         = errors.New("not ready to take or deliver messages; the log of cloudsvc says why")
	errDisconnected     = errors.New("the client left")
)

// A problemKind is one row of the table from error to answer.
type problemKind struct {
	err    error // what the error is, by errors.Is
	status int
	kind   string
	title  string
	detail string // instead of the error's own text, where that may tell internals
}

// problemKinds is the table, first match wins. What is in none of its rows is
// internal: a caller learns nothing of it.
var problemKinds = [...]problemKind{
	{errNoSuchPath, http.StatusNotFound, "no-such-path", "No such path", ""},
	{errMethodNotAllowed, http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", ""},
	{errCrossOrigin, http.StatusForbidden, "cross-origin", "Cross-origin request", ""},
	{errWebhooks, http.StatusNotImplemented, "not-implemented", "Not implemented", ""},
	{errNotReady, http.StatusServiceUnavailable, "not-ready", "Not ready", ""},
	{ErrDenied, http.StatusForbidden, "denied", "Not allowed", ""},
	{ErrUplinkNode, http.StatusConflict, "uplink-node", "Known by its uplink", ""},
	{ErrRegistryFull, http.StatusServiceUnavailable, "registry-full", "Registry full", ""},
	{ErrBusy, http.StatusServiceUnavailable, "busy", "Busy", ErrBusy.Error() + "; nothing was stored"},
	{ErrTooLarge, http.StatusRequestEntityTooLarge, "too-large", "Too large", ""},
	{ErrClosed, http.StatusServiceUnavailable, "shutting-down", "Shutting down", ErrClosed.Error()},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "not-in-time", "Not done in time", "what was asked for may or may not have been done"},
	{context.Canceled, http.StatusServiceUnavailable, "shutting-down", "Shutting down", "what was asked for may or may not have been done"},
}

// problemOf returns what a caller is told of an error.
func problemOf(err error) Problem {
	var invalid *InvalidError
	var large *http.MaxBytesError
	var cutOff *CutOffError
	switch {
	case errors.As(err, &invalid):
		p := newProblem("invalid-request", "Invalid request", http.StatusBadRequest, invalid.Error())
		p.Errors, p.More = invalid.Fields, invalid.More
		return p
	case errors.As(err, &large):
		return newProblem("too-large", "Too large", http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the body is larger than %d bytes", large.Limit))
	case errors.As(err, &cutOff):
		p := newProblem("stream-ended", "Stream ended", 0, cutOff.Error())
		p.Reason, p.Position = cutOff.Reason, cutOff.Position.String()
		return p
	}
	for _, k := range problemKinds {
		if !errors.Is(err, k.err) {
			continue
		}
		if k.detail == "" {
			return newProblem(k.kind, k.title, k.status, err.Error())
		}
		return newProblem(k.kind, k.title, k.status, k.detail)
	}
	return newProblem("internal", "Internal error", http.StatusInternalServerError, "the log of cloudsvc says more")
}

func newProblem(kind, title string, status int, detail string) Problem {
	return Problem{Type: problemType + kind, Title: title, Status: status, Detail: detail}
}

// appendLine appends the problem as one line of NDJSON.
func (p *Problem) appendLine(dst []byte) []byte {
	b, _ := json.Marshal(p) // strings and numbers always marshal
	return append(append(dst, b...), '\n')
}

// write answers a request with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", problemContentType)
	w.Header().Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.appendLine(nil)) // a client that left needs no answer
}
