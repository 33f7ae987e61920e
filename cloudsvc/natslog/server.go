package natslog

import (
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"k8s.io/klog/v2"
)

// startWait bounds the embedded server's start, in which it reads its files.
const startWait = time.Minute

// maxPayload is the largest message of the embedded server, in bytes: a block
// with one frame of the largest size, and its header.
const maxPayload = 9 << 20

// startServer starts a NATS server in this process, with its files in a
// folder and no port open.
func startServer(dir string, log klog.Logger) (*server.Server, error) {
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
	s.SetLoggerV2(serverLogger{log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(startWait) {
		s.Shutdown()
		return nil, fmt.Errorf("the embedded NATS server in %s was not ready in %v: is the folder writable, and used by no other cloudsvc?", dir, startWait)
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, fmt.Errorf("the embedded NATS server in %s has no JetStream: see the log above", dir)
	}
	return s, nil
}

// serverLogger passes on what the embedded server has to say.
type serverLogger struct{ klog.Logger }

func (l serverLogger) Noticef(format string, v ...any) { l.V(3).Info(fmt.Sprintf(format, v...)) }
func (l serverLogger) Warnf(format string, v ...any)   { l.Info("warning: " + fmt.Sprintf(format, v...)) }
func (l serverLogger) Fatalf(format string, v ...any)  { l.Error(nil, fmt.Sprintf(format, v...)) }
func (l serverLogger) Errorf(format string, v ...any)  { l.Error(nil, fmt.Sprintf(format, v...)) }
func (l serverLogger) Debugf(format string, v ...any)  { l.V(5).Info(fmt.Sprintf(format, v...)) }
func (l serverLogger) Tracef(format string, v ...any)  { l.V(6).Info(fmt.Sprintf(format, v...)) }
