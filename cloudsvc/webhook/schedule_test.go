package webhook

import (
	"math"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestScheduleGivesUp(t *testing.T) {
	t.Parallel()
	s := DefaultSchedule()
	now, tries := start, Tries{}
	for i, wait := range s {
		var again bool
		tries, again = s.Fail(tries, Outcome{Verdict: Retry}, now, 0.5)
		if !again {
			t.Fatalf("gives up after try %d, want %d", i+1, len(s)+1)
		}
		if got := tries.Next.Sub(now); got != wait {
			t.Errorf("wait %d: %v, want %v", i, got, wait)
		}
		now = tries.Next
	}
	tries, again := s.Fail(tries, Outcome{Verdict: Retry}, now, 0.5)
	if again {
		t.Error("does not give up")
	}
	if tries.Count != len(s)+1 || !tries.First.Equal(start) {
		t.Errorf("%d tries since %v, want %d since %v", tries.Count, tries.First, len(s)+1, start)
	}
	if lasted := now.Sub(start); lasted < 24*time.Hour || lasted > 48*time.Hour {
		t.Errorf("lasts %v, want a day or two", lasted)
	}
}

func TestScheduleWaits(t *testing.T) {
	t.Parallel()
	s := Schedule{10 * time.Second}
	for _, test := range []struct {
		name    string
		outcome Outcome
		random  float64
		want    time.Duration
	}{
		{"as planned", Outcome{Verdict: Retry}, 0.5, 10 * time.Second},
		{"shortest", Outcome{Verdict: Retry}, 0, 8 * time.Second},
		{"longest", Outcome{Verdict: Retry}, 1, 12 * time.Second},
		{"as told", Outcome{Verdict: Later, RetryAfter: time.Minute}, 0, time.Minute},
		{"never sooner than told", Outcome{Verdict: Later, RetryAfter: time.Minute}, 1, 72 * time.Second},
		{"no longer than a day", Outcome{Verdict: Later, RetryAfter: 9000 * time.Hour}, 0, 24 * time.Hour},
		{"no busy loop", Outcome{Verdict: Later, Status: 429}, 0, time.Second},
		{"as long as there can be", Outcome{Verdict: Later, RetryAfter: math.MaxInt64}, 1, 28*time.Hour + 48*time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tries, again := s.Fail(Tries{}, test.outcome, start, test.random)
			if got := tries.Next.Sub(start); !again || got != test.want {
				t.Errorf("again %v in %v, want true in %v", again, got, test.want)
			}
		})
	}
}

func TestLaterIsNoFailure(t *testing.T) {
	t.Parallel()
	s := Schedule{time.Second, 2 * time.Second}
	later := Outcome{Verdict: Later, RetryAfter: time.Hour}
	now, tries, again := start, Tries{}, true
	for n := 0; again; n++ {
		if n > 100 {
			t.Fatal("a receiver that always says later is never given up")
		}
		tries, again = s.Fail(tries, later, now, 0)
		if tries.Failed != 0 {
			t.Fatalf("%d failures, want 0", tries.Failed)
		}
		now = now.Add(time.Hour)
	}
	if lasted := now.Sub(start); lasted < MaxRetryAfter {
		t.Errorf("given up after %v, want %v", lasted, MaxRetryAfter)
	}
}

// What was not sent is no try, but the time goes by: a message is not kept for
// ever because its host is always left alone when it is its turn.
func TestScheduleSkips(t *testing.T) {
	t.Parallel()
	s := Schedule{time.Second}
	now, tries, again := start, Tries{}, true
	for n := 0; again; n++ {
		if n > 10_000 {
			t.Fatal("a host that is always left alone is never given up")
		}
		now = later(now, tries.Next)
		tries, again = s.Fail(tries, Outcome{Verdict: Later, RetryAfter: breakTime}, now, 0)
	}
	if tries.Count != 0 || tries.Failed != 0 || !tries.First.Equal(start) || now.Sub(start) != MaxRetryAfter {
		t.Errorf("%+v, given up after %v, want no tries in %v", tries, now.Sub(start), MaxRetryAfter)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestScheduleKnowsWhatIsFinal(t *testing.T) {
	t.Parallel()
	for _, v := range []Verdict{Refused, Gone} {
		if tries, again := DefaultSchedule().Fail(Tries{}, Outcome{Verdict: v}, start, 0.5); again || tries.Count != 1 {
			t.Errorf("%v: again %v after %d tries, want false after 1", v, again, tries.Count)
		}
	}
}
