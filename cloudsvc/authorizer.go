package cloudsvc

import "errors"

// ErrDenied is what an Authorizer's error wraps. Its text reaches the caller,
// so it says what is not allowed and not why.
var ErrDenied = errors.New("not allowed")

// Identity names who calls. Until callers can prove who they are, everybody
// is Anonymous.
type Identity string

// Anonymous is the identity of a caller that proved none.
const Anonymous Identity = "anonymous"

// Action is what an identity wants to do.
type Action string

// The actions that are authorized.
const (
	Publish   Action = "publish"   // give messages to a topic
	Subscribe Action = "subscribe" // get messages of a topic
	Discover  Action = "discover"  // see nodes and what they publish
	Register  Action = "register"  // become a node
)

// An Authorizer decides what an identity may do. Every route of the API asks
// it before anything happens. It is called by many goroutines at once, for
// each request, and must not block on IO.
type Authorizer interface {
	// Authorize returns nil, or an error that wraps ErrDenied. An empty
	// namespace means every namespace, an empty topic means every topic. For
	// Subscribe and Discover the topic may be a filter.
	Authorize(identity Identity, action Action, namespace, topic string) error
}

// AllowAll allows everything to everybody.
type AllowAll struct{}

var _ Authorizer = AllowAll{}

// Authorize returns nil.
func (AllowAll) Authorize(Identity, Action, string, string) error { return nil }
