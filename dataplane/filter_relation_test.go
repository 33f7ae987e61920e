package dataplane

import "testing"

func TestFilterRelations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b                string
		aCovers, bCovers, x bool
	}{
		{"a", "a", true, true, true},
		{"a", "b", false, false, false},
		{"#", "a/b", true, false, true},
		{"#", "+/b/#", true, false, true},
		{"#", "#", true, true, true},
		{"+", "#", false, true, true},
		{"+", "a", true, false, true},
		{"+/b", "a/+", false, false, true},
		{"+/b", "a/c", false, false, false},
		{"a/#", "a", true, false, true},
		{"a/#", "a/+/c", true, false, true},
		{"a/+/#", "a", false, false, false},
		{"a/+/#", "a/#", false, true, true},
		{"a/b", "a/b/c", false, false, false},
		{"a/b/#", "+/b", false, false, true},
		{"a/#", "b/#", false, false, false},
		{"#", "$events/gap", false, false, false},
		{"+/gap", "$events/gap", false, false, false},
		{"$events/#", "$events/+", true, false, true},
		{"#", "$events/#", false, false, false},
	} {
		a, b := mustFilter(t, tt.a), mustFilter(t, tt.b)
		if got := a.Covers(b); got != tt.aCovers {
			t.Errorf("%s covers %s: got %v", tt.a, tt.b, got)
		}
		if got := b.Covers(a); got != tt.bCovers {
			t.Errorf("%s covers %s: got %v", tt.b, tt.a, got)
		}
		if a.Overlaps(b) != tt.x || b.Overlaps(a) != tt.x {
			t.Errorf("%s overlaps %s: got %v and %v, want %v", tt.a, tt.b, a.Overlaps(b), b.Overlaps(a), tt.x)
		}
	}
}

// TestFilterRelationsHold compares them with what filters of few levels select.
func TestFilterRelationsHold(t *testing.T) {
	t.Parallel()
	var filters, topics []string
	grow := func(to *[]string, levels []string) {
		for n, end := 0, len(*to); n < end; n++ {
			for _, level := range levels {
				*to = append(*to, (*to)[n]+"/"+level)
			}
		}
	}
	topics = []string{"a", "b", "$c"}
	filters = []string{"a", "b", "$c", "+"}
	for range 3 {
		grow(&topics, []string{"a", "b"})
	}
	for range 2 {
		grow(&filters, []string{"a", "b", "+"})
	}
	for n, end := 0, len(filters); n < end; n++ {
		filters = append(filters, filters[n]+"/#")
	}
	filters = append(filters, "#")
	for _, one := range filters {
		for _, other := range filters {
			a, b := mustFilter(t, one), mustFilter(t, other)
			overlaps, covers := false, true
			for _, topic := range topics {
				overlaps = overlaps || a.Match(topic) && b.Match(topic)
				covers = covers && (a.Match(topic) || !b.Match(topic))
			}
			if a.Overlaps(b) != overlaps {
				t.Fatalf("%s overlaps %s: got %v", a, b, !overlaps)
			}
			if a.Covers(b) && !covers {
				t.Fatalf("%s covers %s: got true", a, b)
			}
		}
	}
}

func mustFilter(t *testing.T, text string) Filter {
	t.Helper()
	f, err := ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
