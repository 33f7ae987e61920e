package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"datastub/dataplane"
)

// rates are what came in one interval. Their JSON is the contract of
// "datastub top -o json".
type rates struct {
	Time    time.Time `json:"time"`             // of the interval's end
	Seconds seconds   `json:"seconds"`          // its length
	Flows   []rate    `json:"flows"`            // by messages, most first
	Others  *rate     `json:"others,omitempty"` // all flows beyond maxFlows
	Total   rate      `json:"total"`
}

// A rate is one flow's.
type rate struct {
	Topic          string     `json:"topic,omitempty"`
	Node           string     `json:"node,omitempty"`
	Messages       int        `json:"messages"`
	PerSecond      float64    `json:"messagesPerSecond"`
	BytesPerSecond float64    `json:"bytesPerSecond"` // of JSON
	P50            *seconds   `json:"latencyP50Seconds,omitempty"`
	P99            *seconds   `json:"latencyP99Seconds,omitempty"`
	Missing        uint64     `json:"missing"` // since the start, and nobody said why
	Lost           uint64     `json:"lost"`    // since the start, as gaps tell
	Age            *seconds   `json:"ageSeconds,omitempty"`
	Value          *lastValue `json:"value,omitempty"`
	Unit           string     `json:"unit,omitempty"`
}

// lastValue is the last value of a flow, cut if it is long.
type lastValue struct{ dataplane.Value }

// MarshalJSON writes it as messages have it.
func (v lastValue) MarshalJSON() ([]byte, error) {
	return json.Marshal(json.RawMessage(v.AppendJSON(nil)))
}

// seconds is a time.Duration that is a number of seconds in JSON.
type seconds time.Duration

// MarshalJSON writes microseconds at most.
func (s seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(s).Round(time.Microsecond).Seconds())
}

func (s seconds) milliseconds() float64 { return float64(s) / float64(time.Millisecond) }

// headline sums all up, in one line.
func (r *rates) headline() string {
	return fmt.Sprintf("%s  %s messages/s  %s  missing: %d  lost: %d  flows: %d", r.Time.Local().Format(time.TimeOnly),
		number(r.Total.PerSecond), bytesText(r.Total.BytesPerSecond), r.Total.Missing, r.Total.Lost, len(r.Flows))
}

// rows writes the table, of so many flows at most.
func (r *rates) rows(w io.Writer, most int) {
	fmt.Fprintln(w, "TOPIC\tNODE\tMSG/S\tBYTES\tP50\tP99\tMISSING\tLOST\tAGE\tVALUE")
	shown := r.Flows[:min(most, len(r.Flows))]
	for i := range shown {
		f := &shown[i]
		value := valueText(f.Value.Value)
		if f.Unit != "" {
			value += " " + printable(f.Unit)
		}
		f.row(w, printable(f.Topic), value)
	}
	if r.Others != nil {
		r.Others.row(w, "(others)", "-")
	}
	if hidden := len(r.Flows) - len(shown); hidden > 0 {
		fmt.Fprintf(w, "and %d more\n", hidden)
	}
}

func (r *rate) row(w io.Writer, topic, value string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", topic, orDash(r.Node), number(r.PerSecond), bytesText(r.BytesPerSecond),
		r.P50.text(), r.P99.text(), r.Missing, r.Lost, r.Age.text(), value)
}

// text returns three digits or so, or a dash for none.
func (s *seconds) text() string {
	if s == nil {
		return "-"
	}
	d := time.Duration(*s)
	switch size := d.Abs(); {
	case size >= time.Minute:
		return d.Round(time.Second).String()
	case size >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case size >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// number writes a rate: small ones with a digit behind the point.
func number(n float64) string {
	if n < 100 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

// bytesText writes bytes a second.
func bytesText(n float64) string {
	const units = "kMGTPE"
	unit := -1
	for n >= 1000 && unit < len(units)-1 {
		n /= 1000
		unit++
	}
	if unit < 0 {
		return strconv.FormatFloat(n, 'f', 0, 64) + "B/s"
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + units[unit:unit+1] + "B/s"
}
