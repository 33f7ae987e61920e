// Package stack runs DataStub for tests as its users have it: the programs as
// processes on ports and in folders of their own, a Modbus server that we did
// not write, and curl as a subscriber. The programs are built with the race
// detector; one that races, panics or does not end within 5 s of SIGTERM fails
// the test that started it.
package stack
