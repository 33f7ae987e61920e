package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"datastub/cloudsvc/client"
	"datastub/dataplane"
	"datastub/dataplane/zmq"
)

// defaultLAN is where the examples have mappers publish on the LAN.
const defaultLAN = "tcp://127.0.0.1:5556"

const (
	lanSource   = "lan"
	lanQueue    = 1000    // messages that wait in each of the two queues; beyond, the newest are missed, and found missing by their seq
	maxLANFrame = 8 << 20 // bytes: a message of dataplane.MaxMessage all of which needs JSON's longest escapes, and more
)

// A lan reads what a mapper publishes on its network.
type lan struct {
	endpoint string
	origin   string // who named the endpoint
	prefixes []string
	match    func(*dataplane.Message) bool
	say      func(format string, args ...any)

	connected, broken bool // only the socket's goroutine looks at them
}

// checkEndpoint checks an address to dial.
func checkEndpoint(endpoint string) error {
	if path, isPath := strings.CutPrefix(endpoint, "ipc://"); isPath && path != "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	port := 0
	if err == nil {
		port, _ = strconv.Atoi(u.Port()) // 0 where there is none
	}
	if err != nil || endpoint != "tcp://"+u.Host || u.Hostname() == "" || u.Hostname() == "*" || port < 1 || port > 65535 {
		return usageError{fmt.Errorf("address %q: want tcp://host:port, such as %s, or ipc://path", endpoint, defaultLAN)}
	}
	return nil
}

// feed reads until ctx ends. It gives up where the very first connection fails:
// the address may well be wrong.
func (l *lan) feed(ctx context.Context, handle func(client.Event) error) (err error) {
	working, end := context.WithCancelCause(ctx)
	frames := make(chan [][]byte, lanQueue)
	subscriber, err := zmq.NewSubscriber(zmq.SubscriberOptions{
		Queue: lanQueue, MaxFrame: maxLANFrame,
		Receive: func(_ string, message [][]byte) {
			select {
			case frames <- message:
			default: // the seq tells
			}
		},
		Changed: func(_ string, err error) { l.changed(err, end) },
	})
	if err != nil {
		return err
	}
	subscriber.Connect(lanSource, l.endpoint, l.prefixes...)
	ended := make(chan error, 1) // Run's one result
	go func() { ended <- subscriber.Run(working) }()
	defer func() {
		end(nil)
		err = errors.Join(err, <-ended)
	}()
	return l.handle(working, frames, handle)
}

// changed says what happened to the connection, once each time.
func (l *lan) changed(err error, end context.CancelCauseFunc) {
	switch {
	case err == nil:
		l.say("tapping %s (%s): best effort, what is missed does not come again", l.endpoint, l.origin)
		l.connected, l.broken = true, false
	case !l.connected:
		end(unreachableError{fmt.Errorf("cannot tap %s (%s): %w; is it the dataplane.lan of a mapper that runs there?", l.endpoint, l.origin, err)})
	case !l.broken:
		l.say("%v; trying again", err)
		l.broken = true
	}
}

// handle hands over the messages that match, and sums up at the end.
func (l *lan) handle(ctx context.Context, frames <-chan [][]byte, handle func(client.Event) error) error {
	var came, missing, unreadable uint64
	watched := newSequences()
	defer func() {
		if came+unreadable > 0 {
			l.say("%d came, %d are missing by their seq", came, missing)
		}
	}()
	for {
		select {
		case message := <-frames:
			e, err := decodeLAN(message)
			if err != nil {
				if unreadable++; unreadable == 1 {
					l.say("passed over what is no message of a mapper: %v", err)
				}
				continue
			}
			if !l.match(&e.Message) {
				continue
			}
			came++
			missing += watched.missing(&e.Message)
			if err := handle(e); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// decodeLAN reads a message in either format of a mapper's lanFormat: address
// and JSON in a frame each, or topic, a space and JSON in one.
func decodeLAN(frames [][]byte) (e client.Event, err error) {
	text := frames[len(frames)-1]
	if len(frames) == 1 {
		_, text, _ = bytes.Cut(text, []byte(" "))
	}
	if len(frames) > 2 || len(text) == 0 {
		return e, fmt.Errorf("%d frames that begin with %.64q: want an address and JSON", len(frames), frames[0])
	}
	if err := e.UnmarshalJSON(text); err != nil {
		return e, fmt.Errorf("%.64q: %w", text, err)
	}
	return e, nil
}

// parsePrefix reads the PREFIX of a tap as a filter of addresses. One that ends
// in "/" is all below it.
func parsePrefix(text string) (dataplane.Filter, error) {
	above, isPrefix := strings.CutSuffix(text, "/")
	if isPrefix {
		text = above + "/#"
	}
	filter, err := dataplane.ParseFilter(text)
	if err != nil {
		return filter, usageError{fmt.Errorf("prefix: %w", err)}
	}
	if !isPrefix && !strings.ContainsAny(text, "+#") && len(filter.Levels()) < 3 {
		return filter, usageError{fmt.Errorf("prefix %q is no whole <namespace>/<topic>/<device>, and does not end in %q, nor begins "+
			"with tcp:// as an ADDRESS does", text, "/")}
	}
	return filter, nil
}

// prefixes returns what to subscribe to for all that a filter of addresses
// matches, in either format: none is everything. They let more pass than the
// filter does.
func prefixes(filter dataplane.Filter) []string {
	levels := filter.Levels()
	plain := levels // those before the first wildcard
	for i, level := range levels {
		if level == "+" || level == "#" {
			plain = levels[:i]
			break
		}
	}
	// The last plain level may be the device's, which stands in no topic: it is
	// where nothing follows, and where "#" does, which matches its parent too.
	topic := plain
	if len(plain) == len(levels) || (levels[len(plain)] == "#" && len(plain) > 2) {
		topic = plain[:len(plain)-1]
	}
	if len(topic) < 2 {
		return nil
	}
	return []string{strings.Join(plain, "/"), strings.Join(topic[1:], "/")}
}
