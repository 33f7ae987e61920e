// Package zmq holds the ZeroMQ sockets of the data plane: Publisher is a
// mapper's end, with a DEALER a lane that dials out and a PUB for applications
// on the edge's LAN; Router is cloudsvc's end; Subscriber reads PUB sockets,
// those of mappers and of anybody else. What is said over the uplink is
// decided by package uplink.
//
// A socket belongs to one goroutine, which sleeps in zmq_poll until the
// network, a wake-up from another goroutine or a deadline of the protocol
// calls it. Nothing waits for a poll to time out.
//
// On the LAN, each message is two ZeroMQ frames, the address
// <namespace>/<topic>/<device> and the message's JSON, or, as text, one frame
// "topic SP json". A subscriber's prefix should end in "/".
package zmq
