package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// writeTimeout is how long a subscriber may take to make room for the
	// next writeChunk bytes before it counts as stuck and is dropped.
	writeTimeout = 15 * time.Second
	writeChunk   = 64 << 10
)

// A stream writes a Subscription's lines to an HTTP response as NDJSON. Each
// line is a message with its position. When the server ends the stream, the
// last line is a Problem of type stream-ended, with reason and position; a
// stream without one was broken off.
//
// Nothing is sent while there are no messages, not even an empty line, which
// not every reader of NDJSON passes over. A peer that vanished is found by the
// write timeout when there are messages and by TCP keep-alive when there are
// none (see Server); a client that closes its end is noticed at once.
type stream struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	timeout time.Duration // for each chunk
	written int           // bytes since the deadline was last moved
}

func newStream(w http.ResponseWriter) *stream {
	return &stream{w: w, conn: http.NewResponseController(w), timeout: writeTimeout}
}

// run writes until the subscription is cut off, the client leaves or does not
// read, and returns which. The subscription stays open.
func (s *stream) run(ctx context.Context, subscription *Subscription) error {
	header := s.w.Header()
	header.Set("Content-Type", "application/x-ndjson")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx passes each line on at once
	s.w.WriteHeader(http.StatusOK)
	if err := s.write(nil); err != nil {
		return err
	}
	for {
		lines, err := subscription.Next(ctx)
		var cutOff *CutOffError
		if errors.As(err, &cutOff) {
			return errors.Join(cutOff, s.write([][]byte{appendLastLine(nil, cutOff)}))
		}
		if err != nil {
			return err
		}
		if err := s.write(lines); err != nil {
			return err
		}
	}
}

// write sends lines, one or more in each element, and flushes them together.
func (s *stream) write(lines [][]byte) error {
	s.written = writeChunk // the wait for these lines was nobody's fault
	for _, line := range lines {
		if err := s.moveDeadline(); err != nil {
			return err
		}
		if _, err := s.w.Write(line); err != nil {
			return fmt.Errorf("write to the subscriber: %w", err)
		}
		s.written += len(line)
	}
	if err := s.moveDeadline(); err != nil {
		return err
	}
	if err := s.conn.Flush(); err != nil {
		return fmt.Errorf("write to the subscriber: %w", err)
	}
	return nil
}

// moveDeadline gives the subscriber time for the next chunk.
func (s *stream) moveDeadline() error {
	if s.written < writeChunk {
		return nil
	}
	s.written = 0
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return fmt.Errorf("set the write deadline: %w", err)
	}
	return nil
}
