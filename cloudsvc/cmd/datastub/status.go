package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"datastub/cloudsvc/client"
)

// The exit statuses, as the help of the root command lists them.
const (
	statusOK          = 0
	statusFailed      = 1
	statusUsage       = 2
	statusUnreachable = 3
	statusRefused     = 4
)

// A usageError says that the command line is wrong.
type usageError struct{ error }

// Unwrap returns what is wrong.
func (e usageError) Unwrap() error { return e.error }

// statusOf returns the exit status for an error.
func statusOf(err error) int {
	var usage usageError
	var refused *client.Problem
	var unreachable *url.Error
	switch {
	case errors.As(err, &usage):
		return statusUsage
	case errors.As(err, &refused):
		return statusRefused
	case errors.As(err, &unreachable):
		return statusUnreachable
	}
	return statusFailed
}

// explain says what was tried, what happened, and what to do next.
func explain(err error) string {
	var unreachable *url.Error
	switch statusOf(err) {
	case statusUsage:
		return err.Error() + "; see datastub --help"
	case statusUnreachable:
		if errors.As(err, &unreachable) {
			return fmt.Sprintf("cannot reach cloudsvc at %s: %s; %s set --server or %s",
				serverOf(unreachable.URL), reason(unreachable.Err), guess(unreachable.Err), serverEnv)
		}
	}
	return err.Error()
}

// guess says why a server may not be reached: nothing listens there, or
// something that does not speak HTTP, as cloudsvc's uplink does not.
func guess(err error) string {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return "is it running?"
	}
	return "what answers there, if anything, is no HTTP server of cloudsvc: is it the port of its --uplink?"
}

// serverOf returns a URL without its path, query and password.
func serverOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// reason says why a server was not reached. What net/http says of an answer
// that is no HTTP depends on when it came.
func reason(err error) string {
	text := cause(err).Error()
	if strings.Contains(text, "malformed HTTP") || strings.Contains(text, "readLoopPeekFail") {
		return "its answer is no HTTP"
	}
	return text
}

// cause returns the innermost error: "connection refused" rather than the
// system call and both addresses.
func cause(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}
