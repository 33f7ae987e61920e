// Package ledger proves, from what a log holds, that what publishers accepted
// was stored, and from what a subscriber got, that what was stored was
// delivered. It is pure: others read the log and the stream.
//
//	Span      a run of sequences of one epoch; Spans are many
//	Lane      what a log says of one class of one publisher, epoch by epoch
//	Epoch     the proof of one of them, with its Verdict
//	Ledger    all that cloudsvc knows, as GET /v1/ledger has it
//	Received  what a subscriber got, and what is wrong with it
//
// An epoch's sequences are 1, 2, 3 …: the log has each, once and in order, or a
// gap in its place, up to the end that the publisher told.
package ledger
