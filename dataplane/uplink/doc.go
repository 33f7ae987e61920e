// Package uplink is the protocol between a publisher and cloudsvc, without
// sockets, clocks or goroutines: two state machines that take frames and the
// time, and give frames.
//
// A lane (RT or BT) of a publisher is one stream of records with sequences 1,
// 2, 3 … in an epoch. A Sender is one connection's edge end of a lane, a
// Receiver the cloud end of all of them:
//
//	edge                               cloud
//	HELLO publisher, spool, epochs  →
//	                                ←  HELLO_OK stored, durable, credit
//	DATA 1-10                       →
//	DATA 11-14                      →
//	                                ←  ACK stored 14, credit   (once the log has them)
//	DATA 20-22                      →
//	                                ←  NACK expected 15        (the edge goes back)
//
// What is sent is kept in a Queue until an ACK says that it is durable. After
// any break a new Sender says HELLO and goes on behind the mark that HELLO_OK
// gives. The Receiver drops what it has by (publisher, lane, epoch, sequence),
// so that the log gets every record once. DATA that overlaps
// what it has is trimmed. What the edge had to drop travels as a GAP in its
// place; one that overlaps cannot be trimmed, as it counts by series, and is
// asked for again by a NACK. There is one NACK for all the frames behind what
// is missing.
//
// Flow control is credit: the bytes that may be un-acked, absolute in each ACK.
// Silence never grants. The edge sends a PING when it has heard nothing for
// PingAfter, and on the lane that compares the clocks every PingAfter; the cloud
// when it has heard nothing for twice as long; each gives the other up after
// DeadAfter. A PONG from the cloud comes with the last ACK and an open NACK
// again, as its frames may be lost where a socket is full. The edge's may not:
// whoever loses one of those has to end the connection.
package uplink

import "time"

const (
	// PingAfter is how long the edge waits for a sign of life before it asks.
	PingAfter = 10 * time.Second
	// DeadAfter is how long an end waits altogether: three pings missed.
	DeadAfter = 4 * PingAfter
	// helloWait is how long the edge waits for the answer to its HELLO.
	helloWait = 10 * time.Second
)
