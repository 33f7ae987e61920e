package cloudsvc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadLettersAreListedInPages(t *testing.T) {
	s := startService(t, nil)
	subscriptions := [...]string{"sub_" + strings.Repeat("a", 26), "sub_" + strings.Repeat("b", 26)}
	for n := range 10 {
		d := testDeadLetter(subscriptions[n%2], n)
		if n == 4 {
			d.Reason = DeadExhausted
		}
		if err := s.api.options.Hooks.bury(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"":        "0 1 2 3 4 5 6 7 8 9",
		"limit=4": "0 1 2 3 | 4 5 6 7 | 8 9",
		"limit=5": "0 1 2 3 4 | 5 6 7 8 9",
		"limit=2&subscription=" + subscriptions[0]:                "0 2 | 4 6 | 8",
		"reason=exhausted":                                        "4",
		"reason=refused&limit=5&subscription=" + subscriptions[0]: "0 2 6 8",
	} {
		if got := strings.Join(s.pages(t, query), " | "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// pages returns what each page has, the last numbers of messages' ids.
func (s *testService) pages(t *testing.T, query string) (pages []string) {
	t.Helper()
	for cursor := ""; ; {
		a := s.do(t, http.MethodGet, "/v1/deadletters?"+query+cursor, "")
		var list letterList
		if err := json.Unmarshal([]byte(a.body), &list); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s, %v", a.status, a.body, err)
		}
		var page []string
		for _, d := range list.DeadLetters {
			page = append(page, d.MessageID[strings.LastIndexByte(d.MessageID, '/')+1:])
		}
		if pages = append(pages, strings.Join(page, " ")); list.Next == "" {
			return pages
		}
		cursor = "&cursor=" + list.Next
	}
}

// TestDeadLetterPageHasABound has letters that are larger than a page together.
func TestDeadLetterPageHasABound(t *testing.T) {
	box := new(memoryLetters)
	for n := range 20 {
		d := testDeadLetter("sub_a", n)
		d.Message = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
		if err := box.Bury(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	list, err := listLetters(t.Context(), box, letterQuery{limit: maxLetters})
	if err != nil || len(list.DeadLetters) != maxLetterBytes>>20-1 || list.Next == "" {
		t.Errorf("%d of 20, next %q, %v, want those that fit into %d bytes", len(list.DeadLetters), list.Next, err, maxLetterBytes)
	}
}

// slowLetters are dead letters on a slow disk.
type slowLetters struct{ memoryLetters }

func (s *slowLetters) NextLetter(ctx context.Context, subscription string, after uint64) (KeptLetter, error) {
	select {
	case <-time.After(time.Second):
		return s.memoryLetters.NextLetter(ctx, subscription, after)
	case <-ctx.Done():
		return KeptLetter{}, fmt.Errorf("read a dead letter: %w", ctx.Err())
	}
}

// TestDeadLetterPageEndsInTime has a disk that is too slow for all: the pages have
// all together, though none of the first has the reason that is asked for.
func TestDeadLetterPageEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := new(slowLetters)
		for n := range 20 {
			d := testDeadLetter("sub_a", n)
			if d.Reason = DeadRefused; n >= 18 {
				d.Reason = DeadExhausted
			}
			if err := box.Bury(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		q := letterQuery{limit: maxLetters, reason: DeadExhausted}
		found, pages := 0, 0
		for more := true; more; pages++ {
			ctx, cancel := context.WithTimeout(t.Context(), lettersTime)
			list, err := listLetters(ctx, box, q)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			found += len(list.DeadLetters)
			if more = list.Next != ""; more {
				q.after, _ = strconv.ParseUint(list.Next, 36, 64)
			}
		}
		if found != 2 || pages != 3 {
			t.Errorf("%d letters on %d pages, want 2 on 3", found, pages)
		}
	})
}
