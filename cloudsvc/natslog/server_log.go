package natslog

import (
	"fmt"
	"strings"

	"k8s.io/klog/v2"
)

// What the server says by which it is known what to make of it.
const (
	// payloadWarning is said of a maxPayload above 8 MB at each start. Blocks of
	// that size are rare, and nothing is to be done about it.
	payloadWarning = "Maximum payloads over"
	// stateWarning is said of each stream after a SIGKILL: how it ends is found in
	// its blocks.
	stateWarning = "Stream state outdated"
	// priorWarning is said after stateWarning, and of nothing worse alone.
	priorWarning = "Recovering stream state from index errored: prior state file"
	// writeError is said of a stream that stores nothing any more, and of its
	// files.
	writeError = "critical write error"
	// storeError is said of each block that such a stream does not store.
	storeError = "failed to store a msg"
)

// serverLogger passes on what the embedded server has to say.
type serverLogger struct {
	klog.Logger
	run *instance
}

func (l serverLogger) Noticef(format string, v ...any) { l.info(3, format, v) }
func (l serverLogger) Warnf(format string, v ...any) {
	switch {
	case strings.HasPrefix(format, payloadWarning):
	case strings.Contains(format, stateWarning), strings.Contains(fmt.Sprintf(format, v...), priorWarning):
		l.info(1, format, v)
	default:
		l.info(0, format, v)
	}
}

// Fatalf keeps the first reason not to start; it is start's error.
func (l serverLogger) Fatalf(format string, v ...any) {
	says := fmt.Sprintf(format, v...)
	l.run.failed.CompareAndSwap(nil, &says)
	l.info(1, format, v)
}

// Errorf keeps the first reason to store nothing; it is Append's error, which
// its caller logs, once.
func (l serverLogger) Errorf(format string, v ...any) {
	says := fmt.Sprintf(format, v...)
	switch lower := strings.ToLower(says); {
	case strings.Contains(lower, writeError):
		l.run.halted.CompareAndSwap(nil, &says)
		l.info(1, format, v)
	case strings.Contains(lower, storeError):
		l.info(1, format, v)
	default:
		l.Error(nil, "Embedded NATS server", "says", says)
	}
}

func (l serverLogger) Debugf(format string, v ...any) { l.info(5, format, v) }
func (l serverLogger) Tracef(format string, v ...any) { l.info(6, format, v) }

func (l serverLogger) info(level int, format string, v []any) {
	l.V(level).Info("Embedded NATS server", "says", fmt.Sprintf(format, v...))
}
