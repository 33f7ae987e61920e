package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A side is what one of two was measured to be, round by round.
type side struct {
	Name   string    `json:"name"`
	Sync   string    `json:"sync"`
	Value  float64   `json:"value"` // median of the rounds
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
	Usage  [][]usage `json:"usage,omitempty"` // of each round
}

func newSide(name, sync string, rounds []float64, usage [][]usage) side {
	sorted := slices.Sorted(slices.Values(rounds))
	return side{
		Name: name, Sync: sync, Value: sorted[len(sorted)/2], Min: sorted[0], Max: sorted[len(sorted)-1],
		Rounds: rounds, Usage: usage,
	}
}

// better tells which way a figure is to go.
type better string

const (
	lower  better = "lower"
	higher better = "higher"
)

// A figure is one thing that was measured of us and of a peer.
type figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Better better  `json:"better"`
	Ours   side    `json:"ours"`
	Peer   side    `json:"peer"`
	Ratio  float64 `json:"ratio"` // ours to the peer's
	Load   string  `json:"load"`  // what was carried
}

func newFigure(name, unit string, good better, load string, ours, peer side) figure {
	return figure{Name: name, Unit: unit, Better: good, Load: load, Ours: ours, Peer: peer, Ratio: ours.Value / peer.Value}
}

// printLine writes the figure.
func (f *figure) printLine(w io.Writer) {
	fmt.Fprintf(w, "bench %s %s %s peer %s %s ratio %s sync=%s peer_sync=%s\n", f.Name, number(f.Ours.Value), f.Unit,
		f.Peer.Name, number(f.Peer.Value), number(f.Ratio), f.Ours.Sync, f.Peer.Sync)
}

// print writes the figure's line, and comments on it.
func (f *figure) print(w io.Writer) {
	f.printLine(w)
	fmt.Fprintf(w, "# %s: %s is better; %s; %d rounds, %s to %s, %s %s to %s\n", f.Name, f.Better, f.Load, len(f.Ours.Rounds),
		number(f.Ours.Min), number(f.Ours.Max), f.Peer.Name, number(f.Peer.Min), number(f.Peer.Max))
	for _, s := range []side{f.Ours, f.Peer} {
		if len(s.Usage) > 0 {
			fmt.Fprintf(w, "# %s: %s used, in the median round: %s\n", f.Name, s.Name, usageText(s.Usage))
		}
	}
}

// usageText tells the median of each process over the rounds.
func usageText(rounds [][]usage) string {
	var texts []string
	for i, p := range rounds[0] {
		var seconds, mebibytes []float64
		for _, round := range rounds {
			seconds = append(seconds, round[i].CPU.Seconds())
			mebibytes = append(mebibytes, float64(round[i].MaxRSS)/(1<<20))
		}
		slices.Sort(seconds)
		slices.Sort(mebibytes)
		texts = append(texts, fmt.Sprintf("%s %s CPU s, %s MiB at most", p.Process, number(seconds[len(seconds)/2]), number(mebibytes[len(mebibytes)/2])))
	}
	return strings.Join(texts, "; ")
}

// number writes three digits that matter, and all before the point.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
