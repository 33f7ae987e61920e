package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
// *InvalidError, or wraps ErrNoRoom or ErrDisconnected; the connection is not
// used again then, and nobody waits for the rest of the body.
func ReadBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
	body, err := readBody(w, r, maxBytes)
	if err == nil && len(bytes.TrimSpace(body)) == 0 {
		err = Invalid("", errors.New("body is empty: want JSON"))
	}
	return body, err
}

// NoBody refuses a request that has a body, and says what is wanted instead. Other
// errors are as with ReadBody.
func NoBody(w http.ResponseWriter, r *http.Request, want string) error {
	var large *http.MaxBytesError
	_, err := readBody(w, r, 0)
	if errors.As(err, &large) {
		return Invalid("", fmt.Errorf("body is not empty: want %s", want))
	}
	return err
}

func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
	conn := http.NewResponseController(w)
	// A recorder in a test has no deadline; a connection always does.
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	if err != nil {
		_ = conn.SetReadDeadline(time.Now())
		w.Header().Set("Connection", "close")
		return nil, bodyError(err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	return body, nil
}

// bodyError tells what kept a body from being read.
func bodyError(err error) error {
	var large *http.MaxBytesError
	var network *net.OpError
	switch {
	case errors.As(err, &large), errors.Is(err, ErrNoRoom):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Invalid("", fmt.Errorf("body did not come whole within %v", bodyTimeout))
	case errors.As(err, &network):
		return fmt.Errorf("read the body: %w: %w", ErrDisconnected, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Invalid("", errors.New("body ends before the end that its header tells of"))
	}
	return Invalid("", fmt.Errorf("body cannot be read: %w", err))
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
