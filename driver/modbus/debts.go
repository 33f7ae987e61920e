package modbus

import "time"

// Frames of RTU have no numbers: an answer that comes late looks like the answer
// to the next request. So a unit whose answer did not come is in debt until the
// answer comes, or could not any more: twice its timeout after the request, however
// soon it was given up. Until then it is asked for nothing. An answer of it that
// comes meanwhile is thrown away, whichever unit is being asked.
//
// debts are those of an address, by unit. They outlast a connection, as a gateway
// that only passes bytes on gives a late answer to the next one, and the line: a
// device that is changed is opened anew.
type debts map[byte]time.Time

// owe notes that a unit's answer may come until then.
func (d debts) owe(unit byte, until time.Time) { d[unit] = until }

// pay notes that a unit's answer came.
func (d debts) pay(unit byte) { delete(d, unit) }

// left returns how long a unit's answer may still come; 0 if it owes none.
func (d debts) left(unit byte, now time.Time) time.Duration {
	return max(0, d[unit].Sub(now))
}
