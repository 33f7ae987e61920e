package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// TryTime is how long one try may take, from the dialling to the answer.
	TryTime = 15 * time.Second
	// maxDrain is how much of an answer is read so that the connection can be
	// used again, in bytes: who says more loses it.
	maxDrain = 64 << 10
	// maxIdle and maxIdleHost are how many connections are kept open for later,
	// in all and to one host, and idleTime for how long.
	maxIdle     = 1024
	maxIdleHost = 8
	idleTime    = 90 * time.Second
	// maxHeader is how large the header of an answer may be, in bytes.
	maxHeader = 64 << 10
)

// A Sender makes tries. It is used by many at once.
type Sender struct {
	client   *http.Client
	breakers *Breakers
	agent    string
	now      func() time.Time
}

// NewSender returns a sender that dials what a rule allows, and calls itself by
// an agent's name. It uses no proxy: the rule would judge the proxy's address
// instead of the receiver's.
func NewSender(rule AddressRule, agent string, now func() time.Time) *Sender {
	return &Sender{
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: Guard(rule).DialContext, TLSHandshakeTimeout: dialTime, ForceAttemptHTTP2: true,
				MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdleHost, IdleConnTimeout: idleTime,
				MaxResponseHeaderBytes: maxHeader,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		breakers: NewBreakers(), agent: agent, now: now,
	}
}

// Close closes the connections that are kept. It does not wait for tries.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send makes one try. An error means that the context has ended: whether the
// receiver has the message is not known, and the try does not count.
func (s *Sender) Send(ctx context.Context, r *Request) (Outcome, error) {
	u, err := ParseURL(r.URL)
	if err != nil {
		return Outcome{Verdict: Refused, Reason: err.Error()}, nil
	}
	leave, err := s.breakers.Enter(u.Host)
	if err != nil {
		return Outcome{Verdict: Later, RetryAfter: breakTime, Reason: err.Error()}, nil
	}
	o := s.try(ctx, r)
	// A try that was broken off says nothing of the host, but must be left: it
	// may be the one that a breaker waits for.
	leave(ctx.Err() == nil && o.Verdict != Retry)
	return o, ctx.Err()
}

// try sends a request and judges the answer.
func (s *Sender) try(ctx context.Context, r *Request) Outcome {
	ctx, cancel := context.WithTimeout(ctx, TryTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Outcome{Verdict: Refused, Reason: "request cannot be made"} // the error has the URL
	}
	request.Header = Sign(r.Keys, r.ID, s.now(), r.Body)
	request.Header.Set("Content-Type", r.ContentType)
	request.Header.Set("User-Agent", s.agent)
	answer, err := s.client.Do(request)
	if err != nil {
		return JudgeError(err)
	}
	defer answer.Body.Close()
	o := Judge(answer.StatusCode, answer.Header, s.now())
	o.Head, _ = io.ReadAll(io.LimitReader(answer.Body, maxHead)) // what there is of it
	_, _ = io.CopyN(io.Discard, answer.Body, maxDrain)
	return o
}

// ParseURL reads a receiver's URL: absolute, http or https, without a user or
// a fragment. Its error does not repeat it, as it may hold what only its owner
// may know.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	want := ""
	switch {
	case len(text) > maxURL:
		want = fmt.Sprintf("longer than %d bytes", maxURL)
	case err != nil:
		want = "no URL"
	case u.Scheme != "http" && u.Scheme != "https":
		want = "neither http:// nor https://"
	case u.Hostname() == "":
		want = "without a host"
	case u.User != nil:
		want = "with a user, whose password others would see: the signature tells who sends"
	case strings.Contains(text, "#"):
		want = "with a fragment, which is not sent"
	default:
		return u, nil
	}
	return nil, fmt.Errorf("URL of the receiver is %s: want one such as https://app.example.com/hooks/datastub", want)
}

// maxURL is the longest URL of a receiver, in bytes.
const maxURL = 2048
