package port

import (
	"net"
	"testing"
)

// TestFree: tests that run at once never get one port, nor one that is taken.
func TestFree(t *testing.T) {
	t.Parallel()
	taken := make(map[string]bool)
	for range 100 {
		port, err := Free()
		if err != nil {
			t.Fatal(err)
		}
		if taken[port] {
			t.Fatalf("port %s is given twice", port)
		}
		taken[port] = true
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}
