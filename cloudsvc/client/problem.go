package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxProblem is the largest problem that is read, in bytes.
const maxProblem = 1 << 20

// StreamEnded is the Type of the Problem that ends a stream: cloudsvc shuts
// down, or the reader was too slow.
const StreamEnded = "urn:datastub:problem:stream-ended"

// NoSuchPath is the type of a Problem of a path that cloudsvc does not have, as
// against one that names something that is not there.
const NoSuchPath = "urn:datastub:problem:no-such-path"

// A Problem is what cloudsvc says when it refuses a call or ends a stream:
// problem details, RFC 9457.
type Problem struct {
	Type     string         `json:"type"` // urn:datastub:problem:<kind>
	Title    string         `json:"title"`
	Status   int            `json:"status"` // HTTP's; 0 in a stream
	Detail   string         `json:"detail"`
	Instance string         `json:"instance,omitempty"`
	Errors   []InvalidField `json:"errors,omitempty"` // each thing that is wrong with a request
	More     int            `json:"more,omitempty"`   // how many of them Errors leaves out
	Reason   string         `json:"reason,omitempty"`
	Position string         `json:"position,omitempty"` // of a stream: where another one goes on
}

// InvalidField is one thing that is wrong with a request.
type InvalidField struct {
	Index  *int   `json:"index,omitempty"` // of the message, from 0
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
}

// String names the message, the field and what is wrong.
func (f InvalidField) String() string {
	text := f.Detail
	if !strings.HasPrefix(strings.TrimPrefix(text, `"`), f.Field) { // most name their field themselves
		text = f.Field + ": " + text
	}
	if f.Index != nil {
		text = fmt.Sprintf("message %d: %s", *f.Index+1, text)
	}
	return text
}

// Error returns title and detail, or everything that is wrong where there is
// a list. It counts messages from 1, as people do.
func (p *Problem) Error() string {
	if p.Type == StreamEnded {
		return "cloudsvc ended the stream: " + p.Reason
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cloudsvc answered %d %s:", p.Status, p.Title)
	switch len(p.Errors) {
	case 0:
		return b.String() + " " + p.Detail
	case 1:
		return b.String() + " " + p.Errors[0].String()
	}
	for _, e := range p.Errors {
		b.WriteString("\n  " + e.String())
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", p.More)
	}
	return b.String()
}

// Temporary tells whether the same call may succeed later.
func (p *Problem) Temporary() bool {
	return p.Type == StreamEnded || p.Status == http.StatusTooManyRequests ||
		(p.Status >= 500 && p.Status != http.StatusNotImplemented)
}

// readProblem reads an answer that is no success. One that is not cloudsvc's,
// but some proxy's, becomes a Problem of status and text.
func readProblem(response *http.Response) *Problem {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem)) // what there is has to do
	p := &Problem{}
	if json.Unmarshal(body, p) != nil || p.Type == "" {
		p = &Problem{
			Type: "about:blank", Title: http.StatusText(response.StatusCode),
			Detail: fmt.Sprintf("%.200q", strings.TrimSpace(string(body))),
		}
	}
	p.Status = response.StatusCode
	return p
}
