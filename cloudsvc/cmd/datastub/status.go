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

// statusOf returns the exit status for an error.
func statusOf(err error) int {
	var usage usageError
	var refused *client.Problem
	var unreachable *url.Error
	var untapped *lanError
	switch {
	case errors.As(err, &usage):
		return statusUsage
	case errors.As(err, &refused):
		return statusRefused
	case errors.As(err, &unreachable), errors.As(err, &untapped):
		return statusUnreachable
	}
	return statusFailed
}
