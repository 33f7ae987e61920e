package client

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"datastub/dataplane"
)

// maxLine is the longest line of a stream, in bytes: a message of
// dataplane.MaxMessage all of which needs JSON's longest escapes, and more.
const maxLine = 8 << 20

// ErrBroken ends a stream whose connection broke.
var ErrBroken = errors.New("the stream broke off")

// An Event is a message from a stream.
type Event struct {
	dataplane.Message
	Position string // where this message stands in the log of cloudsvc
	JSON     []byte // the whole line, as cloudsvc sent it
}

// MarshalJSON returns JSON.
func (e Event) MarshalJSON() ([]byte, error) { return e.JSON, nil }

// UnmarshalJSON reads one line of a stream.
func (e *Event) UnmarshalJSON(line []byte) error {
	var r dataplane.MessageReader
	return e.read(&r, line)
}

func (e *Event) read(r *dataplane.MessageReader, line []byte) error {
	var at []byte
	err := r.Read(line, &e.Message, func(field string, value []byte) {
		if field == "position" {
			at = value
		}
	})
	if err != nil {
		return err
	}
	e.JSON = bytes.Clone(line)
	e.Position = string(bytes.Trim(at, `"`)) // it has nothing that JSON escapes
	return nil
}

// A Stream is the messages of one subscription, over one connection. One
// goroutine reads it; Close may be called by any.
type Stream struct {
	ended func() error // the context's error
	body  io.ReadCloser
	lines *bufio.Scanner
	at    string

	messages dataplane.MessageReader
}

func newStream(ctx context.Context, body io.ReadCloser, at string) *Stream {
	s := &Stream{ended: ctx.Err, body: body, lines: bufio.NewScanner(body), at: at}
	s.lines.Buffer(nil, maxLine)
	return s
}

// Next waits for the next message. At the end the error is a *Problem when
// cloudsvc ended the stream, the context's when that ended, and wraps
// ErrBroken when the connection broke or the stream was closed.
func (s *Stream) Next() (Event, error) {
	if !s.lines.Scan() {
		return Event{}, s.broken()
	}
	line := s.lines.Bytes()
	if p := lastLine(line); p != nil {
		s.at = cmp.Or(p.Position, s.at)
		return Event{}, p
	}
	var e Event
	if err := e.read(&s.messages, line); err != nil {
		return Event{}, fmt.Errorf("line %.100q of the stream: %w", line, err)
	}
	s.at = e.Position
	return e, nil
}

// Position returns where the stream stands: behind the last message that Next
// returned, or where it began; and once cloudsvc has ended it, behind all that it
// looked at. Another one can go on from there.
func (s *Stream) Position() string { return s.at }

// lastLine returns the problem with which cloudsvc ends a stream, if the line
// is that.
func lastLine(line []byte) *Problem {
	if !bytes.Contains(line, []byte(StreamEnded)) {
		return nil
	}
	var p Problem
	if json.Unmarshal(line, &p) != nil || p.Type != StreamEnded {
		return nil
	}
	return &p
}

// broken tells why there are no more lines.
func (s *Stream) broken() error {
	if err := s.ended(); err != nil {
		return err
	}
	if err := s.lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return ErrBroken
}

// Events iterates over Next. The last element is the error that ends it.
func (s *Stream) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			e, err := s.Next()
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the stream.
func (s *Stream) Close() error { return s.body.Close() }
