// Package socket listens on Unix sockets whose files are its own: one that a
// dead process left is replaced, and nobody else's is ever removed.
package socket
