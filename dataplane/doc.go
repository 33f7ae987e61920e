// Package dataplane is what the edge and the cloud speak: the Message, the
// names that it goes by (Topic, Class, Address, ID) and the frames that carry
// many of them over a link.
//
// A Message is one value of one property of one device, read at one moment.
// Applications see it as JSON. Between a publisher and cloudsvc, messages
// travel as records in a Frame of type DATA, packed by rows (RT, where the
// first byte counts) or by columns (BT, where the last byte counts), and are
// kept in the cloud in those same bytes.
//
// Nothing here does IO, starts a goroutine or knows of a socket. Every decoder
// takes bytes from strangers: it returns an error wrapping ErrMalformed, never
// panics, and takes memory for what MaxFrame and MaxBatch allow at most,
// whatever the bytes declare.
package dataplane
