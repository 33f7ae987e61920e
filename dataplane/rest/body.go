package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"datastub/dataplane"
)

// MaxBody is the largest body of a request that is not full of messages, in
// bytes: 1,000 topics of the greatest length, and more.
const MaxBody = 1 << 20

// bodyTimeout is how long a client may take to send a body.
const bodyTimeout = 30 * time.Second

// ErrDisconnected says that there is nobody to answer any more.
var ErrDisconnected = errors.New("the client left")

// ReadBody reads a whole body, which makes the server notice from then on
// when the client leaves. The error is an *http.MaxBytesError or an
// *InvalidError, or wraps ErrDisconnected.
func ReadBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
	conn := http.NewResponseController(w)
	// A recorder in a test has no deadline; a connection always does.
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	_ = conn.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("read the body: %w: %w", ErrDisconnected, err)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, Invalid("", errors.New("body is empty: want JSON"))
	}
	return body, nil
}

// ReadObject reads a body of one JSON object, of MaxBody bytes at most, with
// fields that are known. Errors are as with ReadBody.
func ReadObject(w http.ResponseWriter, r *http.Request, known ...string) (*dataplane.Object, error) {
	body, err := ReadBody(w, r, MaxBody)
	if err != nil {
		return nil, err
	}
	object, err := dataplane.ReadObject("body", body, known...)
	if err != nil {
		return nil, Invalid("", err)
	}
	return object, nil
}

// WriteJSON answers with a value as JSON.
func WriteJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that left needs no answer
	return nil
}
