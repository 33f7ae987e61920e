package stack

import (
	"net/http"
	"path/filepath"
	"testing"
)

// A Stack is one cloudsvc and what is around it.
type Stack struct {
	HTTP, Uplink string // cloudsvc's, host:port
	Dial         string // what mappers started from now on have as dataplane.uplink: cloudsvc's, or a link's
	Cloudsvc     *Program

	t    *testing.T
	dir  string
	data string
	args []string
}

// New starts a cloudsvc, with further arguments, and waits until it is ready.
func New(t *testing.T, args ...string) *Stack {
	t.Helper()
	return NewAt(t, filepath.Join(t.TempDir(), "data"), args...)
}

// NewAt does what New does, with cloudsvc's data in a folder that is given.
func NewAt(t *testing.T, data string, args ...string) *Stack {
	t.Helper()
	s := &Stack{t: t, dir: t.TempDir(), data: data, HTTP: "127.0.0.1:" + FreePort(t), Uplink: "127.0.0.1:" + FreePort(t), args: args}
	s.Dial = "tcp://" + s.Uplink
	s.StartCloudsvc()
	return s
}

// Data returns cloudsvc's data folder.
func (s *Stack) Data() string { return s.data }

// URL returns cloudsvc's HTTP address.
func (s *Stack) URL() string { return "http://" + s.HTTP }

// LaunchCloudsvc starts cloudsvc, again.
func (s *Stack) LaunchCloudsvc() {
	s.t.Helper()
	args := append([]string{"--http", s.HTTP, "--uplink", "tcp://" + s.Uplink, "--data", s.Data()}, s.args...)
	s.Cloudsvc = Start(s.t, "cloudsvc", args...)
}

// StartCloudsvc starts cloudsvc, again, and waits until it is ready.
func (s *Stack) StartCloudsvc() {
	s.t.Helper()
	s.LaunchCloudsvc()
	Eventually(s.t, "cloudsvc is ready", func() bool {
		if !s.Cloudsvc.Running() {
			s.t.Fatalf("cloudsvc ended:\n%s", s.Cloudsvc.Log)
		}
		resp, err := http.Get(s.URL() + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
