package build

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// devel is the version of a build that has none: of no commit, or of a test.
const devel = "(devel)"

// shownRevision is how many digits of a revision String has, as git does.
const shownRevision = 12

// What the linker is told where the go command finds no repository to read, as in
// an image: -ldflags "-X datastub/dataplane/build.version=v1.2.0".
var version, revision string

// A Stamp is what the go command, or the linker, wrote into a program. Its JSON
// is the contract of "datastub version -o json".
type Stamp struct {
	Version  string    `json:"version"`            // the module's: a tag's, or made of time and revision; "(devel)" if there is none
	Revision string    `json:"revision,omitempty"` // the commit, in full
	Time     time.Time `json:"time,omitzero"`      // of the commit, UTC
	Modified bool      `json:"modified,omitempty"` // there were changes that are not in the commit
	Go       string    `json:"go"`                 // version of the toolchain
	Platform string    `json:"platform,omitempty"` // os/arch
}

// Read returns the stamp of this program.
func Read() Stamp {
	info, ok := debug.ReadBuildInfo()
	if !ok { // not built with modules
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return stampOf(info, version, revision)
}

// stampOf returns the stamp of a build. A version and a revision that the linker
// was told are in the place of the go command's.
func stampOf(info *debug.BuildInfo, version, revision string) Stamp {
	s := Stamp{
		Version: cmp.Or(version, info.Main.Version, devel), Go: info.GoVersion, Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			s.Revision = setting.Value
		case "vcs.time":
			s.Time, _ = time.Parse(time.RFC3339, setting.Value) // zero, as if there were none
		case "vcs.modified":
			s.Modified = setting.Value == "true"
		}
	}
	s.Revision = cmp.Or(revision, s.Revision)
	return s
}

// String returns the stamp in one line, for people:
//
//	v1.2.0 (revision 0123456789ab of 2026-08-01T12:00:00Z, go1.26.0, linux/amd64)
func (s Stamp) String() string {
	var details []string
	if s.Revision != "" {
		revision := fmt.Sprintf("revision %.*s", shownRevision, s.Revision)
		if !s.Time.IsZero() {
			revision += " of " + s.Time.Format(time.RFC3339)
		}
		if s.Modified {
			revision += " and changes"
		}
		details = append(details, revision)
	}
	details = append(details, s.Go, s.Platform)
	return fmt.Sprintf("%s (%s)", s.Version, strings.Join(details, ", "))
}
