package cloudsvc

import "time"

// A composer makes the letters of a lane: of its lines, in their order. It is a
// function of what it is called with. A line is added only while it takes any;
// after an error it is of no use.
type composer interface {
	// takes tells whether a line may be added.
	takes() bool
	// add takes in the line that follows.
	add(line *hookLine, now time.Time) error
	// next returns the next letter, or nil where there is none yet. Once it, and
	// all before it, are done, the lane is at its position.
	next(now time.Time) (*letter, error)
	// due returns when next has a letter though no line is added; zero: it has not.
	due() time.Time
	// finish is told of each letter that is done: delivered, or dead.
	finish(l *letter)
	// pass is told that there are no more lines up to a position, and whether that
	// is where the live stream is at a time. There may be a next letter then.
	pass(at Position, live bool, now time.Time)
	// rest returns where the lane may be when all letters are done and all lines up
	// to a position were added.
	rest(at Position) Position
	// keep adds to the cursor of a lane that is at its position what it takes to
	// go on from there. Where it adds the bounds of a letter, it returns the
	// letter: it is tried only when they are stored.
	keep(c *laneCursor) *letter
}

// singles sends each line by itself.
type singles struct{ one *letter }

func (s *singles) takes() bool { return s.one == nil }

func (s *singles) add(line *hookLine, _ time.Time) error {
	s.one = newLetter(line)
	return nil
}

func (s *singles) next(time.Time) (*letter, error) {
	l := s.one
	s.one = nil
	return l, nil
}

func (s *singles) due() time.Time { return time.Time{} }

func (s *singles) finish(*letter) {}

func (s *singles) pass(Position, bool, time.Time) {}

func (s *singles) rest(at Position) Position { return at }

func (s *singles) keep(*laneCursor) *letter { return nil }
