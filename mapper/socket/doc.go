// Package socket listens on Unix sockets whose files are its own: one that a
// dead process left is replaced, one that is taken away is made again, and
// nobody else's is ever removed.
package socket
