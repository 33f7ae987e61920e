// Package hostile attacks DataStub as its users have it, from both ends: wrong
// configurations, CRs, files and devices at the edge; wrong requests, frames
// and peers in the cloud. Each test holds the programs to three things: the
// refusal says what is wrong and what would be right, the neighbours' values
// go on without a gap, and memory stays within a stated bound. It has no code
// but tests; package stack runs the programs.
package hostile
