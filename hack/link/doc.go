// Package link is a TCP line for tests and benchmarks: it stands between two
// programs and is as slow, as far and as broken as it is told to be. All its
// connections share its rate, as they would on a real line, and what it holds
// itself is little, so that a queue is where the programs made it.
package link
