package main

import (
	"bufio"
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A scrape is what a program's /metrics said, by series as it is written there.
type scrape map[string]float64

func takeScrape(ctx context.Context, server string) (scrape, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	s := scrape{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, number, found := strings.Cut(lines.Text(), " ") // no label here has a space
		if value, err := strconv.ParseFloat(number, 64); found && err == nil {
			s[name] = value
		}
	}
	return s, lines.Err()
}

// minus returns what was counted since an earlier scrape.
func (s scrape) minus(before scrape) scrape {
	since := scrape{}
	for name, value := range s {
		since[name] = value - before[name]
	}
	return since
}

// A bucket counts what is not above a bound.
type bucket struct{ most, count float64 }

// histogram returns the buckets of one without labels, by bound.
func (s scrape) histogram(name string) []bucket {
	var buckets []bucket
	for series, count := range s {
		bound, is := strings.CutPrefix(series, name+`_bucket{le="`)
		if most, err := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64); is && err == nil {
			buckets = append(buckets, bucket{most, count})
		}
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.most, b.most) })
	return buckets
}

// quantile returns where a part of all lies, as Prometheus estimates it: evenly
// within a bucket, and at the last bound that there is if it is above.
func quantile(q float64, buckets []bucket) float64 {
	if len(buckets) == 0 {
		return 0
	}
	rank := q * buckets[len(buckets)-1].count
	var below bucket
	for _, b := range buckets {
		switch {
		case b.count < rank:
			below = b
		case math.IsInf(b.most, 1) || b.count == below.count:
			return below.most
		default:
			return below.most + (b.most-below.most)*(rank-below.count)/(b.count-below.count)
		}
	}
	return below.most
}
