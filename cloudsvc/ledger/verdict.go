package ledger

// A Verdict is what is proven of an epoch.
type Verdict string

// The verdicts, the best first.
const (
	Proven   Verdict = "proven"   // accepted is stored, or told to be lost, once and in order
	Open     Verdict = "open"     // so far it is, and the epoch goes on
	Unproven Verdict = "unproven" // nothing is missing, but nobody knows how it ended
	Late     Verdict = "late"     // something is stored behind what was accepted after it
	Twice    Verdict = "twice"    // something is stored twice
	Missing  Verdict = "missing"  // something is neither stored nor told to be lost
)

// Broken tells whether something is wrong that must never be.
func (v Verdict) Broken() bool { return v == Missing || v == Twice || v == Late }
