package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
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
	// A host may keep as many as there are tries of it at once: with fewer, all
	// tries beyond them would dial, and shake hands, anew each time. Those of the
	// host that was used longest ago are closed first.
	maxIdle     = 1024
	maxIdleHost = maxHostTries
	idleTime    = 90 * time.Second
	// maxHeader is how large the header of an answer may be, in bytes.
	maxHeader = 64 << 10
)

// SenderOptions say how a Sender reaches receivers. All but Roots, Now and
// MaxTries are required.
type SenderOptions struct {
	// Dial connects to a receiver: a Guard's DialContext. No proxy is used, as
	// the guard would judge the proxy's address instead of the receiver's.
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Agent  string           // what the sender calls itself
	Origin string           // the system that it sends for: a DNS name by the handshake's specification
	Roots  *x509.CertPool   // who may vouch for receivers: whom the system trusts
	Now    func() time.Time // time.Now

	// MaxTries is how many are made at once, and how many connections are kept
	// for later: each a sixteenth of the file descriptors that there may be.
	MaxTries int
}

func (o *SenderOptions) validate() error {
	if o.Dial == nil || o.Agent == "" || o.Origin == "" {
		return errors.New("webhook sender options: Dial, Agent and Origin are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxTries == 0 {
		o.MaxTries = defaultMaxTries()
	}
	return nil
}

// A Sender makes tries. It is used by many at once, and counts them: it is a
// prometheus.Collector.
type Sender struct {
	client        *http.Client
	breakers      *Breakers
	places        *places
	metrics       *metrics
	agent, origin string
	now           func() time.Time
}

// NewSender returns a sender.
func NewSender(o SenderOptions) (*Sender, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	breakers := NewBreakers()
	return &Sender{
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: o.Dial, TLSClientConfig: &tls.Config{RootCAs: o.Roots}, TLSHandshakeTimeout: dialTime, ForceAttemptHTTP2: true,
				MaxIdleConns: min(maxIdle, o.MaxTries), MaxIdleConnsPerHost: maxIdleHost, IdleConnTimeout: idleTime,
				MaxResponseHeaderBytes: maxHeader,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		breakers: breakers, places: newPlaces(o.MaxTries), metrics: newMetrics(breakers), agent: o.Agent, origin: o.Origin, now: o.Now,
	}, nil
}

// Close closes the connections that are kept. It does not wait for tries.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send makes one try. An error means that the context has ended before the
// receiver answered: whether it has the message is not known, and the try does
// not count.
func (s *Sender) Send(ctx context.Context, r *Request) (Outcome, error) {
	u, err := ParseURL(r.URL)
	if err != nil {
		return Outcome{Verdict: Refused, Reason: err.Error()}, nil
	}
	giveBack, err := s.places.take(ctx, u.Host)
	if err != nil {
		return Outcome{}, err
	}
	defer giveBack()
	leave, err := s.breakers.Enter(u.Host)
	if err != nil {
		s.metrics.tries.WithLabelValues(skipped).Inc()
		return Outcome{Verdict: Later, RetryAfter: breakTime, Reason: err.Error()}, nil
	}
	end := s.metrics.begin()
	o := s.try(ctx, u, r)
	if err := ctx.Err(); err != nil && o.Status == 0 {
		leave(errUnknown)
		end(brokenOff)
		return o, err
	}
	leave(o.fault())
	end(o.Verdict.String())
	return o, nil
}

// try sends a request and judges the answer.
func (s *Sender) try(ctx context.Context, u *url.URL, r *Request) Outcome {
	ctx, cancel := context.WithTimeout(ctx, TryTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Outcome{Verdict: Refused, Reason: "request cannot be made"} // the error has the URL
	}
	request.Header = Sign(r.Keys, r.ID, s.now(), r.Body)
	request.Header.Set("Content-Type", r.ContentType)
	if r.Redriven {
		request.Header.Set(headerRedriven, "true")
	}
	s.introduce(request)
	answer, err := s.client.Do(request)
	if err != nil {
		return JudgeError(err)
	}
	defer answer.Body.Close()
	o := Judge(answer.StatusCode, answer.Header, s.now())
	o.Head = hide(head(answer), u, maxHead)
	return o
}

// introduce says in a request's header who sends it.
func (s *Sender) introduce(request *http.Request) {
	request.Header.Set("User-Agent", s.agent)
	request.Header.Set(headerOrigin, s.origin)
}

// head returns the beginning of an answer's body, long enough to find what is to be
// hidden in maxHead of it, and reads on so that the connection can be used again.
func head(answer *http.Response) []byte {
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return nil // its body is the connection, which no context ends
	}
	kept, _ := io.ReadAll(io.LimitReader(answer.Body, maxHead+maxURL)) // what there is of it
	_, _ = io.CopyN(io.Discard, answer.Body, maxDrain)
	return kept
}
