package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"datastub/cloudsvc/client"
	"datastub/cloudsvc/ledger"
	"datastub/dataplane"
	"datastub/hack/link"
	"datastub/hack/stack"
)

// account is what came of one series: values and gaps, which are to be all
// sequences from the first on, once and in order.
type account struct {
	first, last  uint64
	values, lost uint64
	after        uint64 // values that came behind the last gap
}

// audit goes through a stream, and fails unless each series goes on from line
// to line. It returns the accounts by address, and how many gaps there are.
func audit(t *testing.T, got []dataplane.Message) (accounts map[string]*account, gaps int) {
	t.Helper()
	accounts = make(map[string]*account)
	for i := range got {
		m := &got[i]
		address, from, to, count := m.Address(), m.Seq, m.Seq, uint64(1)
		loss, is := m.Loss()
		if is {
			gaps++
			address, from, to, count = dataplane.Address(loss.Namespace, loss.Topic, loss.Device), loss.From, loss.To, loss.Count
		}
		a := accounts[address]
		if a == nil {
			a = &account{first: from, last: from - 1}
			accounts[address] = a
		}
		if from != a.last+1 || count != to-from+1 {
			t.Errorf("%s: %d to %d, %d messages, behind %d", address, from, to, count, a.last)
		}
		a.last = to
		if is {
			a.lost, a.after = a.lost+count, 0
		} else {
			a.values, a.after = a.values+1, a.after+1
		}
	}
	return accounts, gaps
}

// TestOverflow has a mapper with hardly any room while cloudsvc is away for it:
// a subscriber sees values, then exactly what is lost, then values.
func TestOverflow(t *testing.T) {
	const devices = 5
	s := stack.New(t)
	l := s.StartLink(link.Options{})
	f, ones := follow(t, s, "#"), follow(t, s, "$events/gap")
	files := make(map[string]string)
	for n := range devices {
		files[fmt.Sprintf("%d.yaml", n)] = stack.VirtualDevice(fmt.Sprintf("counter-%d", n))
	}
	m := s.StartMapper("edge-1", files, `  spool: {dir: "", maxBytes: 64Ki}`)
	series := func(enough func(*account) bool) bool {
		accounts, _ := audit(t, f.messages())
		n := 0
		for _, a := range accounts {
			if enough(a) {
				n++
			}
		}
		return n == 2*devices
	}
	stack.Eventually(t, "values of each series", func() bool { return series(func(a *account) bool { return a.values > 0 }) })
	l.Cut()
	for _, class := range dataplane.Classes {
		dropped := fmt.Sprintf(`datastub_mapper_spool_dropped_records_total{class="%v"}`, class)
		stack.Eventually(t, "an overflow of "+class.String(), func() bool { return number(t, value(scrape(t, m.URL()), dropped)) > 200 })
	}
	l.Mend()
	stack.Eventually(t, "values behind a gap, of each series", func() bool {
		return series(func(a *account) bool { return a.lost > 0 && a.after > 3 })
	})
	m.Stop()
	checkOverflow(t, s, f, ones)
}

// checkOverflow holds what subscribers got against what cloudsvc counted and
// lists, also after a restart.
func checkOverflow(t *testing.T, s *stack.Stack, f, ones *follower) {
	t.Helper()
	f.checkOnce(t)
	accounts, gaps := audit(t, f.messages())
	var lost uint64
	for address, a := range accounts {
		if a.values+a.lost != a.last-a.first+1 {
			t.Errorf("%s: %d values and %d lost are not the %d from %d to %d", address, a.values, a.lost, a.last-a.first+1, a.first, a.last)
		}
		lost += a.lost
	}
	var counted uint64
	for _, class := range dataplane.Classes {
		counted += number(t, value(scrape(t, s.URL()), fmt.Sprintf(`datastub_cloudsvc_gap_messages_total{class="%v"}`, class)))
	}
	if counted != lost {
		t.Errorf("cloudsvc counted %d lost, subscribers were told of %d", counted, lost)
	}
	stack.Eventually(t, "the gaps alone", func() bool { return ones.count() == gaps })
	t.Logf("%d lost in %d gaps", lost, gaps)

	v, status := verify(t, s)
	if status != 0 || v.lost() != lost || strings.Contains(v.Verdict, string(ledger.Open)) || strings.Contains(v.Verdict, string(ledger.Unproven)) {
		t.Errorf("datastub verify: status %d, %s, want all proven, with %d lost", status, v.Verdict, lost)
	}
	before := listGaps(t, s)
	if len(before.Gaps) != gaps || !before.Complete || before.More != 0 {
		t.Errorf("listed: %+v, want %d", before, gaps)
	}
	s.Cloudsvc.Stop()
	s.StartCloudsvc()
	if after := listGaps(t, s); !reflect.DeepEqual(after, before) {
		t.Errorf("after a restart: %+v, want %+v", after, before)
	}
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(n)
}

// listGaps runs datastub gaps, and holds it to what the API says.
func listGaps(t *testing.T, s *stack.Stack) client.GapList {
	t.Helper()
	c := newClient(t, s)
	list, err := c.Gaps(t.Context(), client.GapQuery{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	out, err := stack.Command("datastub", "gaps", "--limit", "10000", "-o", "json", "--server", s.URL()).Output()
	if err != nil {
		t.Fatal(err)
	}
	var printed []client.Gap
	if err := json.Unmarshal(out, &printed); err != nil || !reflect.DeepEqual(printed, list.Gaps) {
		t.Errorf("datastub gaps: %v, got %s, want %+v", err, out, list.Gaps)
	}
	return list
}
