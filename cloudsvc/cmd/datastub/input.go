package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
)

// One publish takes what has been read when the input has to be waited for,
// up to these limits, which keep it below those of cloudsvc.
const (
	maxBatchMessages = 1000
	maxBatchBytes    = 2 << 20
)

// A batch is what was read of the input at once.
type batch struct {
	messages []dataplane.Message
	behind   int   // messages before it
	err      error // behind it: io.EOF at the end
}

// publishInput publishes the messages on standard input as they come, until
// its end or Ctrl-C.
func (a *app) publishInput(ctx context.Context, c *client.Client, output format) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan batch)
	input := messageReader{json: json.NewDecoder(a.in)}
	go input.read(reading, batches) // not waited for: only the end of the program ends the read of a terminal
	for published := 0; ; {
		var b batch
		select {
		case b = <-batches:
		case <-ctx.Done():
			a.say("interrupted; published before: %d", published)
			return nil
		}
		if len(b.messages) > 0 {
			if err := a.publish(ctx, c, output, b.messages); err != nil {
				return numbered(err, b.behind, len(b.messages))
			}
			published += len(b.messages)
		}
		switch {
		case errors.Is(b.err, io.EOF) && published == 0:
			a.say("there was no message on standard input: nothing was published")
			return nil
		case errors.Is(b.err, io.EOF):
			return nil
		case b.err != nil:
			return b.err
		}
	}
}

// numbered names the messages of an error by their place in the input, from 1:
// those of a publish of count messages, behind others.
func numbered(err error, behind, count int) error {
	var refused *client.Problem
	if errors.As(err, &refused) && len(refused.Errors) > 0 {
		for i := range refused.Errors {
			e := &refused.Errors[i]
			switch {
			case e.Index != nil:
				e.Index = new(behind + *e.Index)
			case count == 1:
				e.Index = new(behind)
			}
		}
		return err
	}
	if count == 1 {
		return fmt.Errorf("message %d: %w", behind+1, err)
	}
	return fmt.Errorf("messages %d to %d: %w", behind+1, behind+count, err)
}

// A messageReader reads messages and arrays of them.
type messageReader struct {
	json  *json.Decoder
	count int // messages returned so far
	array []json.RawMessage
}

// read hands over what it reads until the input's end, or what is wrong with
// it, or until ctx ends, which it notices between two reads.
func (r *messageReader) read(ctx context.Context, batches chan<- batch) {
	for {
		b := batch{behind: r.count}
		b.messages, b.err = r.next()
		select {
		case batches <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

// next returns the messages that can be read without waiting, at least one,
// and an error after them.
func (r *messageReader) next() ([]dataplane.Message, error) {
	var messages []dataplane.Message
	for size := 0; len(messages) < maxBatchMessages && size < maxBatchBytes; {
		raw, err := r.raw()
		if err != nil {
			return messages, err
		}
		m, err := dataplane.DecodeMessage(raw)
		if err != nil {
			return messages, eachMessage(r.count+1, err)
		}
		messages = append(messages, m)
		r.count++
		size += len(raw)
		if len(r.array) == 0 && !r.more() {
			break
		}
	}
	return messages, nil
}

// eachMessage begins each of the errors that are joined with the number.
func eachMessage(number int, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("message %d: %w", number, err)
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		errs = append(errs, fmt.Errorf("message %d: %w", number, err))
	}
	return errors.Join(errs...)
}

// raw returns the next message's JSON.
func (r *messageReader) raw() (json.RawMessage, error) {
	for len(r.array) == 0 {
		var value json.RawMessage
		if err := r.json.Decode(&value); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, err
			}
			return nil, r.broken(err)
		}
		if value[0] != '[' {
			return value, nil
		}
		if err := json.Unmarshal(value, &r.array); err != nil {
			return nil, r.broken(err)
		}
	}
	raw := r.array[0]
	r.array = r.array[1:]
	return raw, nil
}

// broken tells why the input cannot be read any further.
func (r *messageReader) broken(err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read message %d: %w", r.count+1, err)
	}
	return fmt.Errorf("input is not JSON at message %d: %s", r.count+1, dataplane.DescribeSyntax(err))
}

// more tells whether the decoder holds more than white space: most likely a
// whole message, as programs write them.
func (r *messageReader) more() bool {
	rest, err := io.ReadAll(r.json.Buffered())
	return err == nil && len(bytes.TrimSpace(rest)) > 0
}
