package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"datastub/dataplane"
)

const (
	maxColumn = 60  // an address that is longer does not push the others' values away
	maxText   = 200 // runes of a value that are shown
)

// eventText writes messages for people, the values below each other:
//
//	15:04:05.123  RT  default/sensor/temperature/boiler-1  21.3 °C
//	15:04:09.456  RT  default/sensor/temperature/boiler-1  lost 12, seq 42 to 53: the edge's memory was full
type eventText struct {
	zone  *time.Location
	width int // of the longest address so far, up to maxColumn
}

func (t *eventText) line(m *dataplane.Message) string {
	if loss, is := m.Loss(); is {
		return t.columns(m, lossAddress(loss.Namespace, loss.Topic, loss.Device, loss.Publisher), lossText(&loss))
	}
	line := t.columns(m, m.Address(), valueText(m.Value))
	if m.Unit != "" {
		line += " " + printable(m.Unit)
	}
	if !m.Quality.IsGood() {
		line += "  (" + printable(string(m.Quality)) + ")"
	}
	return line
}

// columns writes what comes before the value, and that.
func (t *eventText) columns(m *dataplane.Message, address, value string) string {
	address = printable(address)
	t.width = max(t.width, min(utf8.RuneCountInString(address), maxColumn))
	return fmt.Sprintf("%s  %-2v  %-*s  %s", m.Time.In(t.zone).Format("15:04:05.000"), m.Class, t.width, address, value)
}

// lossAddress names what lost something: a series, or all of a publisher's.
func lossAddress(namespace, topic, device, publisher string) string {
	if topic == "" {
		return publisher
	}
	return dataplane.Address(namespace, topic, device)
}

// lossText tells what was lost, for people.
func lossText(l *dataplane.Loss) string {
	of := "seq"
	if l.Topic == "" {
		of = "of any topic, ids"
	}
	if l.IsUnknown() {
		return fmt.Sprintf("lost nobody knows how many, %s from %d on: %s", of, l.From, printable(l.Reason))
	}
	return fmt.Sprintf("lost %d, %s %d to %d: %s", l.Count, of, l.From, l.To, printable(l.Reason))
}

func valueText(v dataplane.Value) string {
	text := clip(v.String())
	if v.Type() == dataplane.String {
		return quoteUnlessPlain(text)
	}
	return text
}

// clip cuts a text that is longer than maxText.
func clip(text string) string {
	if utf8.RuneCountInString(text) <= maxText {
		return text
	}
	return string([]rune(text)[:maxText]) + "…"
}

// quoteUnlessPlain returns the text as it is, or quoted if it would be taken
// for something else: for nothing, or for the end of the line.
func quoteUnlessPlain(text string) string {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// printable replaces what could command a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}
