package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"datastub/cloudsvc/client"
)

// explain says what was tried, what happened, and what to do next.
func (a *app) explain(cmd *cobra.Command, err error) string {
	var refused *client.Problem
	var away unreachableError
	switch statusOf(err) {
	case statusUsage:
		return err.Error() + "; see " + cmd.CommandPath() + " --help"
	case statusUnreachable:
		if errors.As(err, &away) {
			return err.Error()
		}
		return a.explainUnreachable(err)
	case statusRefused:
		if errors.As(err, &refused) {
			return err.Error() + a.advice(refused)
		}
	}
	if errors.Is(err, client.ErrBroken) {
		return err.Error() + "; is cloudsvc still running?"
	}
	return err.Error()
}

func (a *app) explainUnreachable(err error) string {
	text := fmt.Sprintf("cannot reach cloudsvc at %s (%s): %s; %s", redact(a.server.url), a.server.origin(), reason(err), guess(err))
	if !a.server.flag.Changed {
		text += " name another with --server or " + serverEnv
	}
	return text
}

// guess asks the first thing to look at when a server was not reached.
func guess(err error) string {
	var dial *net.OpError
	var name *net.DNSError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		return "is the name right?"
	case errors.As(err, &untrusted):
		return "does this machine trust the authority that signed its certificate?"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "does it want http:// rather than https://?"
	case errors.As(err, &dial) && dial.Op == "dial" && dial.Timeout():
		return "is the host up, and no firewall between?"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "is cloudsvc running there?"
	}
	return "what answers there, if anything, is no HTTP server of cloudsvc: is it the port of its --uplink?"
}

// advice says what to do about a refusal that does not say it itself.
func (a *app) advice(p *client.Problem) string {
	switch {
	case p.Type == "about:blank":
		return fmt.Sprintf("; the answer is not cloudsvc's own: is %s (%s) its address, or a proxy's before it?",
			redact(a.server.url), a.server.origin())
	case p.Status == http.StatusForbidden:
		return "; whoever runs cloudsvc can allow it"
	case p.Type == client.NoSuchPath:
		return fmt.Sprintf("; is %s (%s) its address without a path? datastub version tells how old it is",
			redact(a.server.url), a.server.origin())
	case p.Status == http.StatusRequestEntityTooLarge:
		return "; send less at once"
	case p.Temporary():
		return "; the command is right: try again in a moment"
	}
	return ""
}

// redact returns a URL without its path, query and password.
func redact(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// reason says why a server was not reached. What net/http says of an answer
// that is no HTTP depends on when it came.
func reason(err error) string {
	var name *net.DNSError
	var dial *net.OpError
	text := cause(err).Error()
	switch {
	case strings.Contains(text, "malformed HTTP") || strings.Contains(text, "readLoopPeekFail"):
		return "its answer is no HTTP"
	case errors.As(err, &name) && name.IsNotFound:
		return "no such host"
	case errors.As(err, &dial) && dial.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
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
