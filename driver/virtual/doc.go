// Package virtual is a driver whose devices are made up: each point follows a
// signal, a function of the time since its device was opened. It serves
// demos, load tests, the development of applications without a field, and
// rehearsals of what goes wrong in one.
//
// # Signals
//
// The settings of a point stand in its visitors.configData, all optional:
//
//	signal   sine, ramp, square, counter, randomWalk or constant; by default
//	         square for BOOLEAN, counter for STRING and BYTES, sine for numbers
//	min max  where the signal's values lie, 0 and 100; of a counter 0 and 2^53
//	period   sine, ramp, square: one round, 60s; counter, randomWalk: one step, 1s
//	step     counter: what is added, 1; randomWalk: the farthest one step goes,
//	         a hundredth of max-min
//	noise    sine, ramp, square, randomWalk of numbers: how far a value is off at
//	         most, by chance, each time; it is turned back at min and max; 0
//	seed     randomWalk and noise: the same seed has the same chances; by default
//	         it is made of the names of device and property
//	value    constant: the value, 0, false or empty; BYTES in base64
//
// All but value may stand in the device's protocol.configData, too, for those
// of its points that lack it and that it means something to; where it does not
// fit the rest of such a point, as a noise above its max-min, the point is
// refused. A device's seed has chances of their own for each point.
//
// The signals:
//
//	sine        begins in the middle of min and max and rises
//	ramp        rises from min to max and falls back at once
//	square      min for the first half of a period, max for the second; a
//	            BOOLEAN is false, then true
//	counter     min, min+step, … and min again rather than above max; a STRING
//	            is its decimal text, BYTES are 8 bytes, big-endian
//	randomWalk  begins in the middle; each step goes up or down by at most step
//	            and is turned back at min and max
//	constant    value
//
// A point's signal that makes no sense of its type, such as a BOOLEAN ramp, is
// refused. INT is rounded to the nearest whole number. A point that is not
// read-only can be written, and holds what was written until it is written again.
//
// # Faults
//
// What a device is to suffer stands in its protocol.configData:
//
//	delay         what each read and each write takes, up to 1m
//	failEvery     n: each n-th read and each n-th write is not answered; the
//	              device is offline until the next
//	offlineFor    how long the device is away each time: nothing is answered
//	offlineEvery  how long a round is, at the end of which it is away;
//	              10 × offlineFor. The first round begins when it is opened
//
// A point has one of its own:
//
//	failEvery     n: each n-th read of it and each n-th write fails; its
//	              neighbours have values, and the device is unhealthy
//
// Errors name the key that made them. All this depends on the clock and on what
// was asked alone, so that a rehearsal goes the same way each time.
//
// There is no goroutine and no socket, and a timer only while a delay runs: a
// device costs its points, and a point some hundred bytes.
package virtual
