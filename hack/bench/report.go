package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"datastub/dataplane/build"
)

// The markers in a README, between which the lines go.
const (
	beginMark = "<!-- bench: begin -->\n"
	endMark   = "<!-- bench: end -->\n"
)

// A report is bench.json.
type report struct {
	Time    time.Time   `json:"time"`
	Build   build.Stamp `json:"build"`
	Machine machine     `json:"machine"`
	Figures []figure    `json:"figures"`
}

// newReport begins a report; the log is below dir.
func newReport(dir string) (*report, error) {
	m, err := readMachine(dir)
	return &report{Time: time.Now().UTC(), Build: build.Read(), Machine: m}, err
}

// title tells what was measured, and where.
func (r *report) title() string {
	commit := "unknown"
	if r.Build.Revision != "" {
		commit = r.Build.Revision[:12]
	}
	if r.Build.Modified {
		commit += " and changes"
	}
	return fmt.Sprintf("commit %s, %s, %s", commit, r.Time.Format(time.DateOnly), &r.Machine)
}

// write writes everything.
func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// writeReadme puts the lines between the markers.
func (r *report) writeReadme(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if text, err = r.insert(text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, text, 0o644)
}

func (r *report) insert(text []byte) ([]byte, error) {
	before, rest, began := bytes.Cut(text, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !began || !ended {
		return nil, fmt.Errorf("want the lines %q and %q, to write between", beginMark, endMark)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s```\n# %s\n", before, beginMark, r.title())
	for i := range r.Figures {
		r.Figures[i].printLine(&b)
	}
	fmt.Fprintf(&b, "```\n%s%s", endMark, after)
	return b.Bytes(), nil
}
