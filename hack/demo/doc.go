// Command demo shows DataStub's main job on one machine, with no cluster: a
// Modbus device that we did not write, a mapper, cloudsvc, and a subscription
// that prints live values. `make demo` builds and runs it, from the root of
// the repository.
//
// Beside what it shows, it holds every value that arrives against what it must
// be: the plant's registers at that moment, or the signal that a virtual device
// makes. It ends on Ctrl-C, or by itself after DEMO_SECONDS, with a summary.
// Its exit status is 0 only if values of every property arrived and all were
// right.
package main
