// Package spool is where a publisher's records wait until they are durable in
// the cloud. Memory keeps them in bounded memory: they survive any break of
// the link, but not the end of the process.
//
// A spool gives what a message is known by for ever: the sequence in its lane
// and the sequence in its series. Its lanes are uplink.Queues.
package spool
