package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"datastub/mapper"
)

const (
	// tryTime is how long a request may take whose Push does not say.
	tryTime = 5 * time.Second
	// maxRequests is how many lanes are served at once: a receiver that is 50 ms
	// away gets 300 values a second.
	maxRequests = 16
	// maxAnswer is how much of an answer is read, so that its connection can be
	// used again, in bytes.
	maxAnswer = 64 << 10
	// idleTime is how long a connection is kept for later.
	idleTime = 90 * time.Second
)

// A poster is the carrier of an HTTP origin.
type poster struct{ client *http.Client }

var _ carrier = (*poster)(nil)

// newPoster returns a poster. It follows no redirects: what is posted would not
// go with them.
func newPoster() *poster {
	return &poster{&http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: maxRequests, IdleConnTimeout: idleTime, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// carry implements carrier. What is wrong with one URL holds up its own lane;
// where nobody can be dialled, all is held up.
func (p *poster) carry(ctx context.Context, batch [][]*letter) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxRequests)
	failures := make([]error, len(batch))
	for i, letters := range batch {
		group.Go(func() error {
			failures[i] = p.serve(ctx, letters)
			if isDial(failures[i]) {
				return failures[i]
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return reasonOf(err)
	}
	for _, err := range failures {
		if err != nil {
			return reasonOf(err)
		}
	}
	return nil
}

// isDial tells whether nobody answered at all.
func isDial(err error) bool {
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && op.Op == "dial"
}

// serve posts the letters of one lane, up to the first that is kept.
func (p *poster) serve(ctx context.Context, letters []*letter) error {
	for _, l := range letters {
		if err := ctx.Err(); err != nil {
			return err
		}
		status, err := p.post(ctx, l.http, l.body)
		if err != nil {
			return err
		}
		if l.fate = fateOf(status); l.fate == kept {
			return errors.New(answered(status))
		}
		if l.fate == refused {
			l.reason = answered(status)
		}
	}
	return nil
}

// post makes one request and returns the status of its answer.
func (p *poster) post(ctx context.Context, to *mapper.PushHTTP, body string) (status int, err error) {
	limit := to.Timeout
	if limit == 0 {
		limit = tryTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := p.client.Do(request)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && !isDial(err) {
			return 0, context.Cause(ctx)
		}
		return 0, err
	}
	defer answer.Body.Close()
	// The status says all; an answer that breaks off costs its connection only.
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	return answer.StatusCode, nil
}

// fateOf judges an answer. A receiver that is busy, or in trouble, may take the
// letter later.
func fateOf(status int) fate {
	switch {
	case status >= 200 && status < 300:
		return delivered
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return kept
	}
	return refused
}

func answered(status int) string {
	return strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))
}

// close implements carrier.
func (p *poster) close() { p.client.CloseIdleConnections() }
