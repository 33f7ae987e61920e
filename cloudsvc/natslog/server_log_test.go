package natslog

import (
	"testing"

	"github.com/go-logr/logr/funcr"
)

// TestServerLogLevels has what is said after each SIGKILL, and harmless, not at
// the level that everybody reads.
func TestServerLogLevels(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, test := range []struct {
		format string
		v      []any
		lines  int
	}{
		{"Filestore [RT] Stream state outdated, last block has additional entries, will rebuild", nil, 0},
		{"Filestore [RT] Stream state outdated, found extra blocks, will rebuild", nil, 0},
		{"Filestore [RT] Recovering stream state from index errored: %v", []any{"prior state file"}, 0},
		{"Filestore [RT] Recovering stream state from index errored: %v", []any{"corrupt state file"}, 1},
		{"Filestore [RT] Stream state detected prior state, could not locate msg block %d", []any{3}, 1},
		{"Maximum payloads over %v are generally discouraged", []any{"8 MB"}, 0},
	} {
		lines = nil
		l := serverLogger{funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}), new(instance)}
		l.Warnf(test.format, test.v...)
		if len(lines) != test.lines {
			t.Errorf("%s %v: %q, want %d lines", test.format, test.v, lines, test.lines)
		}
	}
}
