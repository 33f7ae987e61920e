// Package build tells which build of DataStub a program is, for its version
// line, its metrics and its peers.
package build
