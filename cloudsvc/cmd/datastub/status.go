package main

import (
	"errors"
	"net/url"

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

// An unreachableError says that what is no HTTP server cannot be reached, and
// what to do about it.
type unreachableError struct{ error }

// Unwrap returns what happened.
func (e unreachableError) Unwrap() error { return e.error }

// statusOf returns the exit status for an error.
func statusOf(err error) int {
	var usage usageError
	var refused *client.Problem
	var unreachable *url.Error
	var away unreachableError
	switch {
	case errors.As(err, &usage):
		return statusUsage
	case errors.As(err, &refused):
		return statusRefused
	case errors.As(err, &unreachable), errors.As(err, &away):
		return statusUnreachable
	}
	return statusFailed
}
