// Command bench measures DataStub as its users have it, with real processes
// and real sockets, and prints each figure beside a peer measured in the same
// run, on the same machine, round by round:
//
//	bench NAME VALUE UNIT peer PEERNAME VALUE ratio R
//
// VALUE is the median over the rounds. `make bench` builds and runs it, from
// the root of the repository.
package main
