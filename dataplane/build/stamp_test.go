package build

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestStamp(t *testing.T) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	commit := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.time", Value: "2026-08-01T12:00:00Z"},
	}
	tests := map[string]struct {
		info              debug.BuildInfo
		version, revision string // what the linker was told
		text, json        string
	}{
		"of nothing": {
			debug.BuildInfo{GoVersion: "go1.26.0"}, "", "",
			"(devel) (go1.26.0, " + platform + ")",
			`{"version":"(devel)","go":"go1.26.0","platform":"` + platform + `"}`,
		},
		"of a commit": {
			debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v1.2.0"}, Settings: commit}, "", "",
			"v1.2.0 (revision 0123456789ab of 2026-08-01T12:00:00Z, go1.26.0, " + platform + ")",
			`{"version":"v1.2.0","revision":"0123456789abcdef0123456789abcdef01234567","time":"2026-08-01T12:00:00Z","go":"go1.26.0","platform":"` + platform + `"}`,
		},
		"of changes": {
			debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "(devel)"}, Settings: append(commit[:1:1],
				debug.BuildSetting{Key: "vcs.time", Value: "yesterday"}, debug.BuildSetting{Key: "vcs.modified", Value: "true"})}, "", "",
			"(devel) (revision 0123456789ab and changes, go1.26.0, " + platform + ")",
			`{"version":"(devel)","revision":"0123456789abcdef0123456789abcdef01234567","modified":true,"go":"go1.26.0","platform":"` + platform + `"}`,
		},
		"of an image": {
			debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "(devel)"}}, "v1.2.0", "0123456789abcdef0123456789abcdef01234567",
			"v1.2.0 (revision 0123456789ab, go1.26.0, " + platform + ")",
			`{"version":"v1.2.0","revision":"0123456789abcdef0123456789abcdef01234567","go":"go1.26.0","platform":"` + platform + `"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := stampOf(&tt.info, tt.version, tt.revision)
			if got := s.String(); got != tt.text {
				t.Errorf("got  %s\nwant %s", got, tt.text)
			}
			if got, err := json.Marshal(s); err != nil || string(got) != tt.json {
				t.Errorf("%v, got  %s\nwant %s", err, got, tt.json)
			}
		})
	}
}

func TestRead(t *testing.T) {
	if s := Read(); s.Go != runtime.Version() || s.Version == "" {
		t.Errorf("got %+v, want go %s and a version", s, runtime.Version())
	}
}
