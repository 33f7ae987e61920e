package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
)

// maxReceivedLine is the longest line that is read, in bytes: as long as a
// stream's may be.
const maxReceivedLine = 8 << 20

// readReceived reads what a subscriber wrote down.
func (v *verify) readReceived(a *app) (*ledger.Received, error) {
	from, name := a.in, "standard input"
	if v.received != "-" {
		f, err := os.Open(v.received)
		if err != nil {
			return nil, usageError{fmt.Errorf("--received: %w", err)}
		}
		defer f.Close()
		from, name = f, v.received
	}
	received, torn, err := v.readLines(from)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if torn {
		a.say("the last line of %s is cut off, and passed over", name)
	}
	if received.Count() == 0 {
		a.say("there is no message in %s: nothing is proven of delivery", name)
	}
	return received, nil
}

// readLines reads what there is; torn tells that the last line is not whole: who
// wrote it was ended.
func (v *verify) readLines(from io.Reader) (received *ledger.Received, torn bool, err error) {
	received = ledger.NewReceived()
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxReceivedLine)
	open := false // the line has no end
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, line, err := bufio.ScanLines(data, atEOF)
		open = n > 0 && data[n-1] != '\n'
		return n, line, err
	})
	var reader dataplane.MessageReader
	for n := 1; lines.Scan(); n++ {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 || bytes.Contains(line, []byte(client.StreamEnded)) {
			continue
		}
		var m dataplane.Message
		if err := reader.Read(line, &m, nil); err != nil {
			if open {
				return received, true, nil
			}
			return nil, false, fmt.Errorf("line %d is no message of a subscription: %w; want what POST /subscribe answers, or datastub subscribe '#' -o json prints", n, err)
		}
		if (m.ID == dataplane.ID{}) {
			return nil, false, fmt.Errorf("line %d has no id: want what POST /subscribe answers, or datastub subscribe '#' -o json prints", n)
		}
		v.add(received, &m)
	}
	return received, false, lines.Err()
}

// add takes a message in, if it is one of those that were asked for.
func (v *verify) add(received *ledger.Received, m *dataplane.Message) {
	if v.publisher == "" || v.publisher == m.ID.Publisher {
		received.Add(m)
	}
}

// subscribe takes in what comes for a time, over one stream: another would leave
// a hole.
func (v *verify) subscribe(ctx context.Context, a *app, c *client.Client) (*ledger.Received, error) {
	listening, cancel := context.WithTimeout(ctx, v.listen)
	defer cancel()
	stream, err := c.Subscribe(listening, "#")
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }() // nobody wants the rest
	a.say("subscribed to # at %s for %v", redact(c.Server()), v.listen)
	received := ledger.NewReceived()
	for {
		e, err := stream.Next()
		switch {
		case err == nil:
			v.add(received, &e.Message)
		case listening.Err() != nil:
			if received.Count() == 0 {
				a.say("no message came in %v: nothing is proven of delivery", v.listen)
			}
			return received, nil
		default:
			return nil, errors.Join(err, errors.New("the stream is to last for all of --for: try again"))
		}
	}
}
