package cloudsvc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"datastub/dataplane/rest"
)

// What the API itself decides.
var (
	errNoSuchPath       = errors.New("there is nothing at this path; GET /openapi.yaml lists what there is")
	errMethodNotAllowed = errors.New("the path does not take this method; the Allow header lists those it takes")
	errCrossOrigin      = errors.New("a web page of another origin may not do this with its visitor's browser")
	errNotReady         = errors.New("not ready to take or deliver messages; the log of cloudsvc says why")
)

// problemKinds is the table from error to answer.
var problemKinds = rest.Kinds{
	{Err: errNoSuchPath, Status: http.StatusNotFound, Name: "no-such-path", Title: "No such path"},
	{Err: errMethodNotAllowed, Status: http.StatusMethodNotAllowed, Name: "method-not-allowed", Title: "Method not allowed"},
	{Err: errCrossOrigin, Status: http.StatusForbidden, Name: "cross-origin", Title: "Cross-origin request"},
	{Err: ErrNoSuchHook, Status: http.StatusNotFound, Name: "no-such-subscription", Title: "No such subscription"},
	{Err: ErrNoSuchLetter, Status: http.StatusNotFound, Name: "no-such-dead-letter", Title: "No such dead letter"},
	{Err: ErrHookGone, Status: http.StatusConflict, Name: "subscription-gone", Title: "Subscription gone"},
	{Err: ErrHookChanged, Status: http.StatusConflict, Name: "subscription-changed", Title: "Subscription changed"},
	{Err: ErrHookInactive, Status: http.StatusConflict, Name: "subscription-inactive", Title: "Subscription does not deliver"},
	{Err: ErrRedriven, Status: http.StatusConflict, Name: "redriven-already", Title: "Being redriven already"},
	{Err: ErrLetterTooLong, Status: http.StatusConflict, Name: "message-not-kept", Title: "Message not kept"},
	{Err: ErrTooManyHooks, Status: http.StatusServiceUnavailable, Name: "subscriptions-full", Title: "Too many subscriptions"},
	{Err: errNotReady, Status: http.StatusServiceUnavailable, Name: "not-ready", Title: "Not ready"},
	{Err: ErrDenied, Status: http.StatusForbidden, Name: "denied", Title: "Not allowed"},
	{Err: ErrUplinkNode, Status: http.StatusConflict, Name: "uplink-node", Title: "Known by its uplink"},
	{Err: ErrRegistryFull, Status: http.StatusServiceUnavailable, Name: "registry-full", Title: "Registry full"},
	{Err: ErrTooManyProducers, Status: http.StatusServiceUnavailable, Name: "producers-full", Title: "Too many producers"},
	{Err: ErrBusy, Status: http.StatusServiceUnavailable, Name: "busy", Title: "Busy", Detail: ErrBusy.Error() + "; nothing was stored"},
	{Err: rest.ErrNoRoom, Status: http.StatusServiceUnavailable, Name: "busy", Title: "Busy"},
	{Err: ErrKeyReused, Status: http.StatusUnprocessableEntity, Name: "key-reused", Title: "Idempotency-Key used before"},
	{Err: ErrTooLarge, Status: http.StatusRequestEntityTooLarge, Name: "too-large", Title: "Too large"},
	{Err: ErrClosed, Status: http.StatusServiceUnavailable, Name: "shutting-down", Title: "Shutting down", Detail: ErrClosed.Error()},
	{Err: context.DeadlineExceeded, Status: http.StatusServiceUnavailable, Name: "not-in-time", Title: "Not done in time", Detail: "what was asked for may or may not have been done"},
	{Err: context.Canceled, Status: http.StatusServiceUnavailable, Name: "shutting-down", Title: "Shutting down", Detail: "what was asked for may or may not have been done"},
	{Status: http.StatusInternalServerError, Name: "internal", Title: "Internal error", Detail: "the log of cloudsvc says more"},
}

// streamEnded is the problem that ends a stream.
type streamEnded struct {
	rest.Problem
	Reason   string `json:"reason"`
	Position string `json:"position"` // where the stream can go on
}

var kindStreamEnded = rest.Kind{Name: "stream-ended", Title: "Stream ended"}

// appendLastLine appends the last line of a stream that was cut off.
func appendLastLine(dst []byte, err *CutOffError) []byte {
	b, _ := json.Marshal(streamEnded{ // strings always marshal
		Problem:  rest.Problem{Type: kindStreamEnded.Type(), Title: kindStreamEnded.Title, Detail: err.Error()},
		Reason:   err.Reason,
		Position: err.Position.String(),
	})
	return append(append(dst, b...), '\n')
}
