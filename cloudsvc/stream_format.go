package cloudsvc

import (
	"bytes"
	"strings"
	"time"
)

// lastEventID is the header by which a browser's EventSource tells where it
// was, and by which an answer tells where its stream begins.
const lastEventID = "Last-Event-ID"

// A streamFormat is how a stream's lines are written.
type streamFormat interface {
	contentType() string
	// begin returns what stands before the first line.
	begin() []byte
	// lines returns lines as they are written, one or more whole lines in each
	// element, which it does not change.
	lines([][]byte) [][]byte
	// silence is how long nothing may be written; 0: for ever.
	silence() time.Duration
	// idle returns what is written after that; all up to a position was written.
	idle(at Position) []byte
	// end returns what a stream that was cut off ends with.
	end(*CutOffError) []byte
}

var (
	_ streamFormat = ndjson{}
	_ streamFormat = eventStream{}
)

// formatFor returns the format that a request's Accept header asks for:
// NDJSON, unless it names Server-Sent Events.
func formatFor(accept string) streamFormat {
	for kind := range strings.SplitSeq(accept, ",") {
		kind, _, _ = strings.Cut(kind, ";")
		if strings.EqualFold(strings.TrimSpace(kind), eventStream{}.contentType()) {
			return eventStream{}
		}
	}
	return ndjson{}
}

// ndjson is one JSON object a line. Nothing is sent while there are no
// messages, not even an empty line, which not every reader passes over.
type ndjson struct{}

func (ndjson) contentType() string         { return "application/x-ndjson" }
func (ndjson) begin() []byte               { return nil }
func (ndjson) lines(all [][]byte) [][]byte { return all }
func (ndjson) silence() time.Duration      { return 0 }
func (ndjson) idle(Position) []byte        { return nil }
func (ndjson) end(err *CutOffError) []byte { return appendLastLine(nil, err) }

const (
	// heartbeat is how often an event stream says something: proxies close
	// connections that are silent for a minute, some earlier.
	heartbeat = 15 * time.Second
	// reconnect is how many milliseconds a browser waits before it comes back.
	reconnect = "retry: 2000\n\n"
)

// eventStream is Server-Sent Events, as WHATWG HTML, section 9.2, has them:
//
//	id: <position>
//	data: <the line>
//
// and an empty line. The last one of a stream that was cut off is an event of
// the type stream-ended. Heartbeats have an id and no data, so that a browser
// keeps the position and tells nobody.
type eventStream struct{}

func (eventStream) contentType() string    { return "text/event-stream" }
func (eventStream) begin() []byte          { return []byte(reconnect) }
func (eventStream) silence() time.Duration { return heartbeat }

func (eventStream) lines(all [][]byte) [][]byte {
	events := make([][]byte, 0, len(all))
	for _, text := range all {
		event := make([]byte, 0, len(text)+len(text)/4)
		for line := range bytes.Lines(text) {
			event = append(event, "id: "...)
			event = append(event, positionIn(line)...)
			event = append(event, "\ndata: "...)
			event = append(append(event, line...), '\n')
		}
		events = append(events, event)
	}
	return events
}

// positionIn returns the position of a line, which is its last field.
func positionIn(line []byte) []byte {
	end := bytes.LastIndexByte(line, '"')
	return line[bytes.LastIndexByte(line[:end], '"')+1 : end]
}

func (eventStream) idle(at Position) []byte {
	return append(at.append([]byte(":\nid: ")), "\n\n"...)
}

func (eventStream) end(err *CutOffError) []byte {
	b := append(err.Position.append([]byte("event: stream-ended\nid: ")), "\ndata: "...)
	return append(appendLastLine(b, err), '\n')
}
