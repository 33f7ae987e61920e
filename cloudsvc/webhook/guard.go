package webhook

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// dialTime bounds how long a connection may take to be made: the receiver's
// time for an answer begins with it.
const dialTime = 5 * time.Second

// An AddressRule decides which addresses may be dialled. It is called by many
// requests at once.
type AddressRule interface {
	// Allow returns nil, or why an address may not be dialled.
	Allow(address netip.Addr) error
}

// A RefusedError says that a receiver's host has an address that must not be
// dialled.
type RefusedError struct{ Err error }

// Error tells which address it is, and why.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the rule's own error.
func (e *RefusedError) Unwrap() error { return e.Err }

// Guard returns a dialer that asks a rule about each address when it is about
// to be dialled. Names were looked up by then: a name that meant another
// address when it was checked gets nobody past the rule.
func Guard(rule AddressRule) *net.Dialer {
	return &net.Dialer{
		Timeout: dialTime,
		Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return &RefusedError{fmt.Errorf("address %q is no IP address and port", address)}
			}
			if err := rule.Allow(at.Addr()); err != nil {
				return &RefusedError{err}
			}
			return nil
		},
	}
}
