package webhook

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestRoots(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(status(200, ""))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Verdict{"": Retry, file: Done} {
		roots, err := Roots(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSender(SenderOptions{Dial: Guard(anywhere{}).DialContext, Agent: "datastub-test", Origin: "datastub.test", Roots: roots})
		if err != nil {
			t.Fatal(err)
		}
		if o := send(t, s, server.URL); o.Verdict != want {
			t.Errorf("roots %q: %v, %s, want %v", path, o.Verdict, o.Reason, want)
		}
		s.Close()
	}
	if _, err := Roots(file + ".none"); err == nil {
		t.Error("a file that is not there: no error")
	}
	if err := os.WriteFile(file, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Roots(file); err == nil {
		t.Error("a file without a certificate: no error")
	}
}
