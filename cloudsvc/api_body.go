package cloudsvc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBody is the largest body of a request that is not full of messages, in
// bytes: 1,000 topics of the greatest length, and more.
const maxBody = 1 << 20

// bodyTimeout is how long a client may take to send a body.
const bodyTimeout = 30 * time.Second

// readBody reads a whole body, which makes the server notice from then on
// when the client leaves.
func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
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
		return nil, fmt.Errorf("read the body: %w: %w", errDisconnected, err)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, invalid("", errors.New("the body is empty: want JSON"))
	}
	return body, nil
}

// decodeBody reads a body of one JSON object, all of whose fields are known.
func decodeBody(w http.ResponseWriter, r *http.Request, into any) error {
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return invalidJSON(err)
	}
	if rest := bytes.TrimSpace(body[dec.InputOffset():]); len(rest) > 0 {
		return invalid("", fmt.Errorf("%.32q follows the JSON object: want one object", rest))
	}
	return nil
}

// invalidJSON puts encoding/json's errors in a caller's words.
func invalidJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return invalid(wrong.Field, fmt.Errorf("a JSON %s where %s is wanted", wrong.Value, jsonKind(wrong)))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("", errors.New("not JSON: it ends too soon"))
	}
	return invalid("", errors.New(strings.TrimPrefix(err.Error(), "json: ")))
}

// jsonKind names the Go type that was to be filled as JSON does.
func jsonKind(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind().String() {
	case "string":
		return "a string"
	case "slice":
		return "an array"
	}
	return "an object"
}

// writeJSON answers with a value as JSON.
func writeJSON(w http.ResponseWriter, status int, value any) error {
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
