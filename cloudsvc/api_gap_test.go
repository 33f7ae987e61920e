package cloudsvc

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

func TestGapsAPI(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	a := s.do(t, http.MethodGet, "/v1/gaps?topic=b/%23&since=2026-08-01T12:00:04%2B00:00&limit=1&publisher=edge-2/m", "")
	want := `{"gaps":[{"id":"edge-2/m/RT/1/4-9.1","publisher":"edge-2/m","namespace":"default","topic":"","device":"d","class":"RT",` +
		`"from":4,"to":9,"count":6,"reason":"full","time":"2026-08-01T12:00:04Z"}],"more":1,"complete":true}` + "\n"
	if a.status != http.StatusOK || a.body != want {
		t.Errorf("got %d %s, want %s", a.status, a.body, want)
	}
	a = s.do(t, http.MethodGet, "/v1/gaps?publisher=nobody/m", "")
	if want := `{"gaps":[],"more":0,"complete":true}` + "\n"; a.status != http.StatusOK || a.body != want {
		t.Errorf("none: got %d %s, want %s", a.status, a.body, want)
	}
}

// brokenGaps cannot be listed.
type brokenGaps struct{ err error }

func (g brokenGaps) Gaps(context.Context, GapQuery) (GapList, error) { return GapList{}, g.err }

func TestGapsAPIFails(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		errors.New("the log is away"): http.StatusInternalServerError, context.DeadlineExceeded: http.StatusServiceUnavailable,
	} {
		s := startService(t, func(o *APIOptions) { o.Gaps = brokenGaps{err} })
		if a := s.do(t, http.MethodGet, "/v1/gaps", ""); a.status != want {
			t.Errorf("%v: got %d %s, want %d", err, a.status, a.body, want)
		}
	}
}
