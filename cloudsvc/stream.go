package cloudsvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	// writeTimeout is how long a subscriber may take to make room for the
	// next writeChunk bytes before it counts as stuck and is dropped.
	writeTimeout = 15 * time.Second
	writeChunk   = 64 << 10
)

// A stream writes a Subscription's lines to an HTTP response, in a format. Each
// line is a message with its position. When the server ends the stream, the
// last line is a Problem of type stream-ended, with reason and position; a
// stream without one was broken off, or had as many lines as were asked for.
//
// A peer that vanished is found by the write timeout when there are messages,
// and by TCP keep-alive when there are none (see Server); a client that closes
// its end is noticed at once.
type stream struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	format  streamFormat
	timeout time.Duration // for each chunk
	written int           // bytes since the deadline was last moved
	limit   int           // how many lines are wanted still; 0: there is no limit
}

func newStream(w http.ResponseWriter, format streamFormat) *stream {
	return &stream{w: w, conn: http.NewResponseController(w), format: format, timeout: writeTimeout}
}

// header begins the answer, and tells where the stream begins.
func (s *stream) header(at Position) {
	header := s.w.Header()
	header.Set("Content-Type", s.format.contentType())
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx passes each line on at once
	header.Set(lastEventID, at.String())
	s.w.WriteHeader(http.StatusOK)
}

// run writes until the subscription is cut off, the client leaves or does not
// read, or has what it asked for, and returns which. The subscription stays
// open.
func (s *stream) run(ctx context.Context, subscription *Subscription) error {
	s.header(subscription.Began())
	err := s.write([][]byte{s.format.begin()})
	for err == nil {
		err = s.step(ctx, subscription)
	}
	return err
}

// errAllHad ends a stream that was to have so many lines.
var errAllHad = errors.New("the stream has as many lines as were asked for")

// step writes what comes next.
func (s *stream) step(ctx context.Context, subscription *Subscription) error {
	lines, err := s.next(ctx, subscription)
	var cutOff *CutOffError
	switch {
	case errors.Is(err, errSilence):
		at, ok := subscription.Had()
		if !ok {
			return nil // lines have just come
		}
		return s.write([][]byte{s.format.idle(at)})
	case errors.As(err, &cutOff):
		return errors.Join(cutOff, s.write([][]byte{s.format.end(cutOff)}))
	case err != nil:
		return err
	case s.limit == 0:
		return s.write(s.format.lines(lines))
	}
	lines, n := firstLines(lines, s.limit)
	if err := s.write(s.format.lines(lines)); err != nil {
		return err
	}
	if s.limit -= n; s.limit == 0 {
		return errAllHad
	}
	return nil
}

// errSilence says that nothing came for as long as the format can be silent.
var errSilence = errors.New("no lines came")

// next waits for lines.
func (s *stream) next(ctx context.Context, subscription *Subscription) ([][]byte, error) {
	silence := s.format.silence()
	if silence == 0 {
		return subscription.Next(ctx)
	}
	wait, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	lines, err := subscription.Next(wait)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return nil, errSilence
	}
	return lines, err
}

// firstLines returns the first of some lines, at most so many, and how many
// they are.
func firstLines(all [][]byte, most int) (first [][]byte, n int) {
	for i, text := range all {
		for end := 0; end < len(text); n++ {
			if n == most {
				return append(all[:i:i], text[:end]), n
			}
			end += bytes.IndexByte(text[end:], '\n') + 1
		}
	}
	return all, n
}

// write sends lines, one or more in each element, and flushes them together.
func (s *stream) write(lines [][]byte) error {
	s.written = writeChunk // the wait for these lines was nobody's fault
	for _, text := range lines {
		for chunk := range slices.Chunk(text, writeChunk) {
			if err := s.moveDeadline(); err != nil {
				return err
			}
			if _, err := s.w.Write(chunk); err != nil {
				return fmt.Errorf("write to the subscriber: %w", err)
			}
			s.written += len(chunk)
		}
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
