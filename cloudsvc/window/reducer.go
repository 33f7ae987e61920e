package window

import (
	"errors"
	"fmt"
	"math"
	"time"

	"datastub/dataplane"
)

// What a Reducer holds at most: what 10,000 devices with six topics each have in
// two windows, and as many publishers as cloudsvc knows nodes.
const (
	maxSources = 10_000
	maxWeight  = 64 << 20
)

// The times that windows are made of: what one adds to them does not overflow.
const (
	minTime = math.MinInt64 + int64(maxSize+maxLateness)
	maxTime = maxHigh - int64(maxSize+maxLateness)
	maxHigh = math.MaxInt64 - int64(maxSize+maxLateness)
)

// A LimitError says that a Reducer would have to hold too much.
type LimitError struct{ what string }

// Error tells what, and how to make it less.
func (e *LimitError) Error() string {
	return "windows are too many: " + e.what + "; want a narrower topic, fewer of namespace, topic, device and property in by, or windows that overlap less"
}

// Options say what is reduced and from where on.
type Options struct {
	Subscription string // goes into the ids of deliveries, as does
	Topic        string // what is subscribed to
	Spec         Spec
	Budget       *Budget // shared with others; nil: there is none
	Start        Place   // behind which the log is read where there is no State
	State        []byte  // of the Reducer before this one, if there was one
}

// A Reducer takes in the lines of a log, one after another, and yields the
// windows that they close. After an error it is of no use.
type Reducer struct {
	spec    Spec
	subject string // what it reduces, in the ids of deliveries

	at      Place  // the last line taken
	until   Place  // up to it, lines were taken before
	saved   []byte // the state as at until
	sources map[string]*source
	cut     dataplane.Loss // what the log has lost, without To; From is 0 if nothing
	weight  int
	budget  *Budget
	taken   int // of the budget

	resting bool         // windows of sources that are idle close before another line is taken
	closing []*source    // some of their windows may close
	held    func() error // takes in the line behind them
	parts   []Delivery   // of the window that closed last
}

// New resumes at a State, or starts. It wraps ErrOtherSpec where the State is
// that of another Spec.
func New(o Options) (*Reducer, error) {
	if err := o.Spec.Validate(); err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	text, err := o.Spec.MarshalJSON()
	if err != nil {
		return nil, err
	}
	r := &Reducer{
		spec: o.Spec, subject: o.Subscription + "\x00" + o.Topic + "\x00" + string(text),
		at: o.Start, until: o.Start, sources: make(map[string]*source), budget: o.Budget,
	}
	if o.State != nil {
		err = r.restore(o.State)
	}
	return r, err
}

// From returns the place behind which the log is to be read.
func (r *Reducer) From() Place { return r.at }

var errNotTaken = errors.New("windows that have closed were not taken")

// Add takes a message in, which stands behind all that was taken before. All
// that Next gives is to be taken first; the message is not to change until then.
func (r *Reducer) Add(at Place, m *dataplane.Message) error {
	return r.line(at, m.ID.Publisher, func(s *source, again bool) { r.take(s, m, again) })
}

// Lose takes in, as Add does, that messages of a publisher will never come.
func (r *Reducer) Lose(at Place, l *dataplane.Loss) error {
	return r.line(at, l.Publisher, func(s *source, _ bool) { s.lose(l, r.at, at) })
}

// line takes in a line of a publisher, behind what closes before it.
func (r *Reducer) line(at Place, publisher string, take func(s *source, again bool)) error {
	if r.closes() {
		return errNotTaken
	}
	add := func() error {
		s, err := r.source(publisher, at)
		if s == nil {
			r.at = at
			return err
		}
		again := at.Compare(r.until) <= 0
		before := s.weight
		take(s, again)
		r.weight += s.weight - before
		if r.at = at; !again {
			s.last, s.idle = at, false
		}
		return r.check()
	}
	if r.resting && at.Compare(r.until) > 0 {
		r.rest()
		r.held = add
		return nil
	}
	return add()
}

// closes tells whether something is to be taken by Next.
func (r *Reducer) closes() bool { return len(r.parts) > 0 || len(r.closing) > 0 || r.held != nil }

// take takes a message in; up to until, only what is in windows that are open
// counts, as all else was told or is in the State.
func (r *Reducer) take(s *source, m *dataplane.Message, again bool) {
	s.follow(m)
	t := m.Time.UnixNano()
	start := floor(t, int64(r.spec.Slide))
	switch {
	case m.Quality.IsAhead() || t < minTime || t > maxTime:
		if !again {
			s.untimed++
		}
	case s.isLate(start, &r.spec):
		if !again {
			s.late++
		}
	default:
		s.add(start, r.at, &r.spec, m)
		if !again && s.reach(t, &r.spec) {
			r.closing = append(r.closing, s)
		}
	}
}

// Cut takes in that a part of the log up to a place is gone, of all publishers:
// the next delivery of each tells it. Of several parts that somebody is still to be
// told of, the first one's beginning is told, and the last one's reason.
func (r *Reducer) Cut(at Place, l *dataplane.Loss) {
	if r.cut.From == 0 || len(r.sources) > 0 && !r.owesCut() {
		r.cut = dataplane.Loss{Publisher: l.Publisher, From: l.From}
	}
	r.cut.Reason = l.Reason
	for _, s := range r.sources {
		s.cut = true
	}
	r.at = at
}

// owesCut tells whether some publisher's next delivery has a cut to tell.
func (r *Reducer) owesCut() bool {
	for _, s := range r.sources {
		if s.cut {
			return true
		}
	}
	return false
}

// Pass takes in that there is nothing up to a place. All that Next gives is to be
// taken first.
func (r *Reducer) Pass(at Place) {
	if r.at = at; r.resting && at.Compare(r.until) >= 0 {
		r.rest()
	}
}

// source returns that of a publisher, of whom there is a line. It is nil where
// that is read again of one who was forgotten since.
func (r *Reducer) source(publisher string, at Place) (*source, error) {
	again := at.Compare(r.until) <= 0
	s, ok := r.sources[publisher]
	if ok && (!again || at.Compare(s.born) >= 0) {
		return s, nil
	}
	if again && r.saved != nil {
		return nil, nil
	}
	if len(r.sources) >= maxSources && !r.forget() {
		return nil, &LimitError{fmt.Sprintf("there are more than %d publishers", maxSources)}
	}
	s = newSource(publisher, at)
	s.cut = r.cut.From > 0
	r.sources[s.publisher] = s
	r.weight += s.weight
	return s, nil
}

// check takes what was added from the budget, or gives back what closed.
func (r *Reducer) check() error {
	if r.weight > maxWeight {
		return &LimitError{fmt.Sprintf("those that are open take more than %d MiB", maxWeight>>20)}
	}
	if r.budget == nil {
		return nil
	}
	more := r.weight - r.taken
	r.taken = r.weight
	return r.budget.take(more)
}

// Close gives back what the Reducer has of its budget. It is of no use then.
func (r *Reducer) Close() {
	if r.budget != nil {
		r.budget.used.Add(int64(-r.taken))
		r.taken = 0
	}
}

// Next returns the next delivery, or nil where there is none until more lines
// are taken.
func (r *Reducer) Next() (*Delivery, error) {
	for len(r.parts) == 0 {
		switch {
		case len(r.closing) > 0:
			if err := r.close(r.closing[0]); err != nil {
				return nil, err
			}
		case r.held != nil:
			add := r.held
			r.held = nil
			if err := add(); err != nil {
				return nil, err
			}
		default:
			return nil, nil
		}
	}
	d := &r.parts[0]
	r.parts = r.parts[1:]
	return d, nil
}

// close closes the next window of a source, or finds that there is none.
func (r *Reducer) close(s *source) (err error) {
	before := s.weight
	w, end, ok := s.next(&r.spec)
	if ok {
		r.parts, err = r.deliveries(s, w, end)
	} else {
		r.closing = r.closing[1:]
	}
	r.weight += s.weight - before
	if err != nil {
		return err
	}
	return r.check()
}

// A Status tells of what is open.
type Status struct {
	Publishers int       // that were seen
	Open       int       // of them have windows that are open
	Oldest     time.Time // the start of the oldest of these windows; zero: there is none
	Publisher  string    // whose it is
	Late       uint64    // messages that were late, and that is not told yet
	Untimed    uint64    // messages in no window as their time is too far ahead, likewise
}

// Status returns that of now.
func (r *Reducer) Status() Status {
	status := Status{Publishers: len(r.sources)}
	for _, s := range r.sources {
		status.Late += s.late
		status.Untimed += s.untimed
		if len(s.panes) == 0 {
			continue
		}
		status.Open++
		start := time.Unix(0, s.oldest(&r.spec)).UTC()
		if first := status.Open == 1; first || start.Before(status.Oldest) || start.Equal(status.Oldest) && s.publisher < status.Publisher {
			status.Oldest, status.Publisher = start, s.publisher
		}
	}
	return status
}
