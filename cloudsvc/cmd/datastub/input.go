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

// publishInput publishes the messages on standard input as they come.
func (a *app) publishInput(ctx context.Context, c *client.Client) error {
	input := messageReader{json: json.NewDecoder(a.in)}
	for {
		messages, readErr := input.next()
		if len(messages) > 0 {
			if err := a.publish(ctx, c, messages); err != nil {
				return fmt.Errorf("messages %d to %d: %w", input.count-len(messages)+1, input.count, err)
			}
		}
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// A messageReader reads messages and arrays of them.
type messageReader struct {
	json  *json.Decoder
	count int // messages returned so far
	array []json.RawMessage
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
			return messages, fmt.Errorf("message %d of the input: %w", r.count+1, err)
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

// raw returns the next message's JSON.
func (r *messageReader) raw() (json.RawMessage, error) {
	for len(r.array) == 0 {
		var value json.RawMessage
		if err := r.json.Decode(&value); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, err
			}
			return nil, fmt.Errorf("input after message %d: %w", r.count, err)
		}
		if value[0] != '[' {
			return value, nil
		}
		if err := json.Unmarshal(value, &r.array); err != nil {
			return nil, fmt.Errorf("input after message %d: %w", r.count, err)
		}
	}
	raw := r.array[0]
	r.array = r.array[1:]
	return raw, nil
}

// more tells whether the decoder holds more than white space: most likely a
// whole message, as programs write them.
func (r *messageReader) more() bool {
	rest, err := io.ReadAll(r.json.Buffered())
	return err == nil && len(bytes.TrimSpace(rest)) > 0
}
