package natslog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"k8s.io/klog/v2"
)

const (
	// startWait bounds the embedded server's start, in which it reads its files.
	startWait = time.Minute
	// startStep is how often that is looked at.
	startStep = 100 * time.Millisecond
)

const (
	// maxPayload is the largest message of the embedded server, in bytes: a
	// block with one frame of the largest size, and its header.
	maxPayload = 9 << 20
	// payloadWarning is what the server says of a maxPayload above 8 MB at each
	// start. Blocks of that size are rare, and nothing is to be done about it.
	payloadWarning = "Maximum payloads over"
)

// startServer starts a NATS server in this process, with its files in a
// folder and no port open.
func startServer(ctx context.Context, dir string, log klog.Logger) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "cloudsvc",
		DontListen: true,
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: true,
		MaxPayload: maxPayload,
		NoSigs:     true, // the process's signals are main's
	})
	if err != nil {
		return nil, fmt.Errorf("make the embedded NATS server in %s: %w", dir, err)
	}
	fatal := make(chan string, 1)
	s.SetLoggerV2(serverLogger{log, fatal}, false, false, false)
	s.Start()
	if err := awaitServer(ctx, s, fatal); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start the embedded NATS server in %s: %w", dir, err)
	}
	return s, nil
}

// awaitServer waits until a server is ready, or says why it will not be.
func awaitServer(ctx context.Context, s *server.Server, fatal <-chan string) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for !s.ReadyForConnections(startStep) {
		select {
		case why := <-fatal:
			return errors.New(why)
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: %w", ctx.Err())
		default:
		}
	}
	if !s.JetStreamEnabled() {
		return errors.New("it has no JetStream: see the log above")
	}
	return nil
}

// serverLogger passes on what the embedded server has to say.
type serverLogger struct {
	klog.Logger
	fatal chan<- string // takes the first thing that ends it
}

func (l serverLogger) Noticef(format string, v ...any) { l.info(3, format, v) }
func (l serverLogger) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, payloadWarning) {
		l.info(0, format, v)
	}
}

func (l serverLogger) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default: // the first one says why
	}
	l.error(format, v)
}
func (l serverLogger) Errorf(format string, v ...any) { l.error(format, v) }
func (l serverLogger) Debugf(format string, v ...any) { l.info(5, format, v) }
func (l serverLogger) Tracef(format string, v ...any) { l.info(6, format, v) }

func (l serverLogger) info(level int, format string, v []any) {
	l.V(level).Info("embedded NATS server", "says", fmt.Sprintf(format, v...))
}

func (l serverLogger) error(format string, v []any) {
	l.Error(nil, "embedded NATS server", "says", fmt.Sprintf(format, v...))
}
