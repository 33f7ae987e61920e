// Package load makes load and proves what came of it.
//
// A Source makes messages as devices send them, no faster than a rate, and no
// further ahead of what was received than a window, so that no queue on the
// way has to overflow. A Tally takes what arrives, by whatever way, and proves
// from the ids and sequences alone what is missing, came twice or came late,
// in bounded memory. Between the two, NewPublisher is an edge's end of the
// uplink, Sink a subscriber over HTTP, and Meter counts the bytes of the link.
package load
