package cloudsvc

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/dataplane"
)

func TestPublishDefaults(t *testing.T) {
	s := startService(t, nil)
	a := s.do(t, "POST", "/publish",
		`{"topic":"sensor/temperature","value":21.5,"id":"a/b/RT/1/2","node":"forged","seq":99}`)
	if a.status != http.StatusAccepted || a.body != `{"ids":["http/anonymous/BT/1/100000"]}`+"\n" {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	got := s.publisher.last[0]
	got.ID, got.Node, got.Seq = dataplane.ID{}, "", 0
	want := dataplane.Message{
		Topic: "sensor/temperature", Namespace: "default", Device: "http", Class: dataplane.BT,
		Value: dataplane.DoubleValue(21.5), Time: testTime,
	}
	if got != want {
		t.Errorf("message\n got %+v\nwant %+v", got, want)
	}
}

func TestPublishDoubtsTimesAhead(t *testing.T) {
	s := startService(t, nil)
	a := s.do(t, "POST", "/publish", `[
		{"topic":"a","value":1,"time":"2026-08-01T13:00:00Z"},
		{"topic":"a","value":1,"time":"2026-08-01T13:00:00.000000001Z"},
		{"topic":"a","value":1,"time":"2026-08-01T13:00:01Z","quality":"good"},
		{"topic":"a","value":1,"time":"2026-08-01T13:00:01Z","quality":"bad: stuck"}]`)
	if a.status != http.StatusAccepted {
		t.Fatal(a)
	}
	const ahead = "uncertain: time is more than 1h ahead of cloudsvc's clock"
	for i, want := range []dataplane.Quality{"", ahead, ahead, "bad: stuck"} {
		if got := s.publisher.last[i].Quality; got != want {
			t.Errorf("message %d: quality %q, want %q", i, got, want)
		}
	}
}

func TestPublishKeepsWhatIsSaid(t *testing.T) {
	s := startService(t, nil)
	a := s.do(t, "POST", "/publish", `[
		{"topic":"a","value":1,"namespace":"plant","device":"d1","class":"rt","time":"2026-01-02T03:04:05.000000006Z","quality":"bad: stuck"},
		{"topic":"a","value":"x","type":"string"}]`)
	if a.status != http.StatusAccepted || a.body != `{"ids":["http/anonymous/RT/1/100000","http/anonymous/BT/1/100001"]}`+"\n" {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	got := s.publisher.last[0]
	if got.Namespace != "plant" || got.Device != "d1" || got.Class != dataplane.RT || got.Quality != "bad: stuck" ||
		!got.Time.Equal(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)) {
		t.Errorf("message %+v", got)
	}
}

// A log that stands still is no reason to wait for ever, nor to say that
// nothing was stored.
func TestPublishNotInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, release := heldLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		api, err := NewAPI(APIOptions{
			Registry: c.options.Registry, Publisher: c.Ingest, Dispatcher: c.Dispatcher(), Gaps: c.Ingest, Ledger: c.Ingest, Hooks: testHooks(t, c.Dispatcher()),
			Ready: c.Ready, Metrics: http.NotFoundHandler(),
		})
		if err != nil {
			t.Fatal(err)
		}
		began, answer := time.Now(), httptest.NewRecorder()
		api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/publish", strings.NewReader(`{"topic":"a","value":1}`)))
		if took := time.Since(began); took != publishTime {
			t.Errorf("answered after %v, want %v", took, publishTime)
		}
		if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" ||
			!strings.Contains(answer.Body.String(), "not-in-time") || !strings.Contains(answer.Body.String(), "may or may not") {
			t.Errorf("got %d %v %s, want what is not in time", answer.Code, answer.Header(), answer.Body)
		}
		release()
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if got := log.checkOnce(t); got != 1 {
			t.Errorf("stored: got %d, want the one that was accepted", got)
		}
	})
}
