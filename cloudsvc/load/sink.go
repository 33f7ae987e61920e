package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"datastub/cloudsvc/client"
)

const (
	// readAhead is how many bytes a Sink reads at once.
	readAhead = 256 << 10
	// openTime is how long cloudsvc may take to answer.
	openTime = 10 * time.Second
)

// A Sink is a subscriber over HTTP that reads lines and only looks at what a
// Tally needs, so that it is cloudsvc that is measured.
type Sink struct {
	tally *Tally
	http  *http.Client
	body  io.ReadCloser
}

// NewSink subscribes to a filter at cloudsvc's URL, and returns when the
// stream is open. Run gives back what NewSink took, or Close where Run is not
// called.
func NewSink(ctx context.Context, server, filter string, tally *Tally) (*Sink, error) {
	body, err := json.Marshal(map[string]string{"topic": filter})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, server+"/subscribe", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = openTime
	s := &Sink{tally: tally, http: &http.Client{Transport: transport}}
	answer, err := s.http.Do(request) //nolint:bodyclose // Close does
	if err != nil {
		return nil, err
	}
	s.body = answer.Body
	if answer.StatusCode != http.StatusOK {
		defer s.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // what there is has to do
		return nil, fmt.Errorf("subscribe to %s at %s: %s: %s", filter, server, answer.Status, bytes.TrimSpace(text))
	}
	return s, nil
}

// Run adds each message to the tally until ctx ends, which is no error, or the
// stream does. Run is called once.
func (s *Sink) Run(ctx context.Context) error {
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.body.Close() })()
	lines := bufio.NewReaderSize(s.body, readAhead)
	parser := NewParser()
	for {
		line, err := lines.ReadSlice('\n')
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", client.ErrBroken, err)
		}
		a, err := parser.Message(line, time.Now())
		if err != nil {
			return endOf(line, err)
		}
		s.tally.Add(a)
	}
}

// endOf returns what the server says in a line that is no message, or else
// that it is none.
func endOf(line []byte, err error) error {
	var said client.Problem
	if json.Unmarshal(line, &said) == nil && said.Type == client.StreamEnded {
		return &said
	}
	return err
}

// Close ends the stream.
func (s *Sink) Close() {
	_ = s.body.Close()
	s.http.CloseIdleConnections()
}
