// Package e2e tests DataStub as its users have it: the programs as processes,
// a Modbus server that we did not write, curl and the client library as
// subscribers, and signals. It has no code but tests; package stack runs the programs.
package e2e
