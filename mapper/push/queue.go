package push

import (
	"sync"
	"sync/atomic"
)

// The bounds of what waits.
const (
	maxBytes = 4 << 20  // of one destination: about 20,000 numbers
	maxTotal = 32 << 20 // of all destinations, so that many that are away leave the node its memory
)

// The bounds of a batch. A lane has a share, so that one whose letters are not
// taken keeps no other waiting.
const (
	maxBatch  = 64
	laneShare = 16
)

// A queue keeps the letters of one destination, lane by lane. Lanes are served
// in turn. When it is full the oldest letter of all lanes is dropped.
type queue struct {
	total  *atomic.Int64 // bytes of all queues
	filled chan struct{} // holds one: there may be letters

	mu     sync.Mutex
	lanes  map[lane][]*letter // none is empty; oldest first
	turn   []lane             // those of lanes, the next one first
	count  uint64             // of letters that were ever put
	bytes  int64              // of the letters here and of those taken
	closed bool               // nobody takes any more
}

func newQueue(total *atomic.Int64) *queue {
	return &queue{total: total, filled: make(chan struct{}, 1), lanes: map[lane][]*letter{}}
}

// put adds a letter and returns how many were dropped for it. The letter itself
// always has room, unless the queue is closed.
func (q *queue) put(l *letter) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 1
	}
	for len(q.turn) > 0 && (q.bytes+l.size() > maxBytes || q.total.Load()+l.size() > maxTotal) {
		q.drop()
		dropped++
	}
	q.count++
	l.number = q.count
	q.grow(l.size())
	q.push(l.lane, append(q.lanes[l.lane], l))
	select {
	case q.filled <- struct{}{}:
	default: // who takes will look anyway
	}
	return dropped
}

// push makes letters all there are of a lane.
func (q *queue) push(at lane, letters []*letter) {
	if len(q.lanes[at]) == 0 {
		q.turn = append(q.turn, at)
	}
	q.lanes[at] = letters
}

func (q *queue) grow(bytes int64) {
	q.bytes += bytes
	q.total.Add(bytes)
}

// drop drops the oldest letter.
func (q *queue) drop() {
	oldest := 0
	for i, at := range q.turn {
		if q.lanes[at][0].number < q.lanes[q.turn[oldest]][0].number {
			oldest = i
		}
	}
	at := q.turn[oldest]
	q.grow(-q.lanes[at][0].size())
	if q.lanes[at] = q.lanes[at][1:]; len(q.lanes[at]) == 0 {
		delete(q.lanes, at)
		q.turn = append(q.turn[:oldest], q.turn[oldest+1:]...)
	}
}

// take takes a batch of letters, those of one lane together and in order. They
// count as waiting until they are settled.
func (q *queue) take() (batch [][]*letter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for room, lanes := maxBatch, len(q.turn); room > 0 && lanes > 0; lanes-- {
		at := q.turn[0]
		q.turn = q.turn[1:]
		letters := q.lanes[at]
		n := min(len(letters), laneShare, room)
		batch = append(batch, letters[:n:n])
		room -= n
		delete(q.lanes, at)
		if n < len(letters) {
			q.push(at, letters[n:])
		}
	}
	return batch
}

// settle ends what take began: letters that are kept come back, before those of
// their lane that came later.
func (q *queue) settle(batch [][]*letter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, letters := range batch {
		var back []*letter
		for _, l := range letters {
			if l.fate == kept {
				back = append(back, l)
			} else {
				q.grow(-l.size())
			}
		}
		if len(back) > 0 {
			at := back[0].lane
			q.push(at, append(back, q.lanes[at]...))
		}
	}
}

// close drops all letters, those that come later too, and returns how many
// there were. None is taken.
func (q *queue) close() (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	dropped = q.waiting()
	q.grow(-q.bytes)
	q.lanes, q.turn, q.closed = nil, nil, true
	return dropped
}

// length returns how many letters wait, but for those taken.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting()
}

func (q *queue) waiting() (n int) {
	for _, letters := range q.lanes {
		n += len(letters)
	}
	return n
}
