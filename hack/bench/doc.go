// Command bench measures DataStub as its users have it, with real processes
// and real sockets, and prints each figure beside a peer measured in the same
// run, on the same machine, round by round:
//
//	bench NAME VALUE UNIT peer PEERNAME VALUE ratio R sync=S peer_sync=S
//
// VALUE is the median over the rounds; ratio is ours to the peer's. The sync
// is what is known to be on disk when a message is delivered. Lines that
// begin with "#" have the spread, and what each process used. All of it, with
// the rounds and the machine, is in bench.json.
//
// A path is a source, which makes distinct messages, a sink, which checks the
// id of each, and the programs between them. Source and sink are processes,
// too: this program again, told what to do by JSON on its standard input. A
// source is never further ahead of its sink than a window, so no queue has a
// reason to drop anything: one message missing, and the benchmark fails.
//
// A drain is measured against what is wanted of it: how fast a day's backlog
// was made, and how long RT takes without one. It fails the benchmark where it
// is not fast enough, or RT not fresh enough meanwhile.
//
// Webhooks have no peer but themselves: with two receivers that do not work beside
// those that do, and with thousands of subscriptions that match nothing.
//
// `make bench` builds and runs it, from the root of the repository.
package main
