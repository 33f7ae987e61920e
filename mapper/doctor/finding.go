package doctor

import "fmt"

// A Verdict is how bad a Finding is.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // something may be wrong, or was not found out
	Fail Verdict = "FAIL" // nothing arrives because of this, or what is new does not
)

// A Finding is how one thing is.
type Finding struct {
	Verdict Verdict
	Subject string // what was looked at: one word
	Text    string // what was found
	Cure    string // what to do; empty where all is well
}

// String is the finding on one line, with its cure.
func (f Finding) String() string {
	line := fmt.Sprintf("%-4s  %-12s  %s", f.Verdict, f.Subject, f.Text)
	if f.Cure != "" {
		line += " → " + f.Cure
	}
	return line
}
