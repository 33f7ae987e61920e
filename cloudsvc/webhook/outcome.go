package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Verdict is what is to become of a message after a try.
type Verdict int

// The verdicts.
const (
	Done    Verdict = iota // the receiver has it
	Retry                  // not now: try again by the schedule
	Later                  // not before a time that the receiver said, or that its host is left alone
	Refused                // the receiver will never take this message: others it may
	Gone                   // the receiver wants no more messages at all
)

// String is the verdict in one word.
func (v Verdict) String() string {
	return [...]string{"done", "retry", "later", "refused", "gone"}[v]
}

// maxHead is how much of an answer is kept to tell why, in bytes.
const maxHead = 1 << 10

// An Outcome is what became of one try.
type Outcome struct {
	Verdict    Verdict
	Status     int           // of the answer; 0: there was none
	RetryAfter time.Duration // how long the receiver is to be left alone; 0: it did not say
	Reason     string        // without the URL, for logs and answers
	Head       []byte        // of the answer's body, maxHead at most
}

// Sent tells whether anything was sent: nothing is to a host that is left alone.
func (o *Outcome) Sent() bool { return o.Verdict != Later || o.Status != 0 }

// fault returns what speaks against the host: nothing, where it can answer.
func (o *Outcome) fault() error {
	if o.Verdict != Retry {
		return nil
	}
	return errors.New(o.Reason)
}

// Judge returns what an answer means. The status alone says whether the message
// was taken: an answer that breaks off behind it changes nothing.
func Judge(status int, header http.Header, now time.Time) Outcome {
	o := Outcome{Status: status, Reason: strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))}
	after, said := retryAfter(header.Get("Retry-After"), now)
	switch {
	case status >= 200 && status < 300:
		o.Verdict = Done
	case status == http.StatusGone:
		o.Verdict = Gone
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		o.Verdict = Retry
		if said {
			o.Verdict, o.RetryAfter = Later, after
		}
	case status >= 500:
		o.Verdict = Retry
	case status >= 300 && status < 400:
		o.Verdict = Refused
		o.Reason += ": redirects are not followed, as they could lead anywhere"
	default:
		o.Verdict = Refused
	}
	return o
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds, or a date.
// More seconds than there can be are as many as there can.
func retryAfter(text string, now time.Time) (after time.Duration, ok bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// JudgeError returns what it means that there was no answer: a receiver that
// cannot be reached now may be later. So may one whose address is refused: its
// name may mean another address tomorrow, and an operator may allow this one, for
// which the schedule gives a day. Were it final, all that comes until then would
// be dead letters within seconds.
func JudgeError(err error) Outcome { return Outcome{Verdict: Retry, Reason: why(err)} }

// why tells what went wrong in words that hold no URL, no address that only we
// see and none of our name servers.
func why(err error) string {
	var refused *RefusedError
	var unknown *net.DNSError
	var name x509.HostnameError
	var issuer x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "no answer in time"
	case errors.As(err, &unknown):
		return "host name: " + unknown.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return "connection broke off before the answer"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "host cannot be reached"
	case errors.As(err, &name), errors.As(err, &issuer), errors.As(err, &invalid):
		return "certificate is not trusted"
	case errors.As(err, &record):
		return "receiver speaks no TLS"
	}
	return "no answer that is HTTP"
}

func isTimeout(err error) bool {
	var e *url.Error
	return errors.As(err, &e) && e.Timeout()
}
