package cloudsvc

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/klog/v2"
)

const (
	// logRate is how many lines about receivers are logged a second, after logBurst
	// of them at once: 10,000 receivers that fail together are one thing to whoever
	// reads the log.
	logRate  = 5
	logBurst = 50
	// maxLogLines is how many wait to be written at most: as many as may at once.
	maxLogLines = logBurst
	// unloggedEvery is how often it is logged how many lines there were not.
	unloggedEvery = 10 * time.Second
)

// hookLog logs how receivers do, in the order in which it is told. It never waits
// for who takes the lines: behind its bounds they are counted.
type hookLog struct {
	logger   klog.Logger
	limiter  *rate.Limiter
	lines    chan hookLogLine // what is too much for it is counted in unlogged
	unlogged atomic.Uint64
}

// A hookLogLine is a message and its key-value pairs.
type hookLogLine struct {
	message string
	values  []any
}

func newHookLog(logger klog.Logger) *hookLog {
	return &hookLog{logger: logger, limiter: rate.NewLimiter(logRate, logBurst), lines: make(chan hookLogLine, maxLogLines)}
}

// say has a line logged.
func (l *hookLog) say(message string, values ...any) {
	if !l.limiter.AllowN(time.Now(), 1) {
		l.unlogged.Add(1)
		return
	}
	select {
	case l.lines <- hookLogLine{message, values}:
	default:
		l.unlogged.Add(1)
	}
}

// run logs until the context ends, and then what is left.
func (l *hookLog) run(ctx context.Context) {
	ticker := time.NewTicker(unloggedEvery)
	defer ticker.Stop()
	for {
		select {
		case line := <-l.lines:
			l.logger.Info(line.message, line.values...)
		case <-ticker.C:
			l.sum()
		case <-ctx.Done():
			for len(l.lines) > 0 {
				line := <-l.lines
				l.logger.Info(line.message, line.values...)
			}
			l.sum()
			return
		}
	}
}

// sum logs how many lines were not.
func (l *hookLog) sum() {
	if n := l.unlogged.Swap(0); n > 0 {
		l.logger.Info("More receivers of subscriptions fail or recovered than are logged each; the events tell more", "lines", n)
	}
}
