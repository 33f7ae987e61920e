// Package spool is where a publisher's records wait until they are durable in
// the cloud. Memory keeps them in bounded memory: they survive any break of
// the link, but not the end of the process.
//
// A spool gives what a message is known by for ever: the sequence in its lane
// and the sequence in its series. Its lanes are uplink.Queues.
//
// When it is full, the oldest records go. What is lost with them is kept by
// series (see hole) until the cloud has been told, so that no gap is silent
// and none is larger than it was.
package spool
