package webhook

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		after  string
		want   Verdict
		wait   time.Duration
	}{
		{200, "", Done, 0},
		{204, "", Done, 0},
		{299, "60", Done, 0},
		{301, "", Refused, 0},
		{304, "", Refused, 0},
		{307, "", Refused, 0},
		{400, "", Refused, 0},
		{401, "", Refused, 0},
		{404, "", Refused, 0},
		{408, "", Refused, 0},
		{410, "", Gone, 0},
		{429, "", Retry, 0},
		{429, "120", Later, 2 * time.Minute},
		{429, "0", Later, 0},
		{429, "-1", Retry, 0},
		{429, "1.5", Retry, 0},
		{429, "1e3", Retry, 0},
		{429, "soon", Retry, 0},
		{429, "2147483648", Later, (1<<31 - 1) * time.Second},
		{429, strings.Repeat("9", 1000), Later, (1<<31 - 1) * time.Second},
		{429, "Sun, 01 Mar 2026 12:00:30 GMT", Later, 30 * time.Second},
		{429, "Sunday, 01-Mar-26 12:00:30 GMT", Later, 30 * time.Second}, // RFC 850's
		{429, "Sun Mar  1 12:00:30 2026", Later, 30 * time.Second},       // asctime's
		{429, "2026-03-01T12:00:30Z", Retry, 0},
		{503, "", Retry, 0},
		{503, "Sun, 01 Mar 2026 12:00:30 GMT", Later, 30 * time.Second},
		{503, "Sun, 01 Mar 2026 11:00:00 GMT", Later, 0},
		{503, "Fri, 31 Dec 9999 23:59:59 GMT", Later, math.MaxInt64},
		{503, "-1", Retry, 0},
		{503, "soon", Retry, 0},
		{500, "", Retry, 0},
		{500, "60", Retry, 0},
		{500, "Sun, 01 Mar 2026 12:00:30 GMT", Retry, 0},
		{500, "soon", Retry, 0},
		{599, "", Retry, 0},
	} {
		o := Judge(test.status, http.Header{"Retry-After": {test.after}}, start)
		if o.Verdict != test.want || o.RetryAfter != test.wait || o.Status != test.status || o.Reason == "" {
			t.Errorf("%d, Retry-After %q: %v after %v (%q), want %v after %v",
				test.status, test.after, o.Verdict, o.RetryAfter, o.Reason, test.want, test.wait)
		}
	}
}
