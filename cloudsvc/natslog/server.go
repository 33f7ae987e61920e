package natslog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
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
	// maxStore is more than the embedded server's streams and buckets can come
	// to, in bytes: their own limits are what holds.
	maxStore = 1 << 50
)

// embedded is a NATS server in this process, with its files in a folder and no
// port open.
type embedded struct {
	dir     string
	sync    time.Duration // between syncs; 0: before each answer
	log     klog.Logger
	turn    chan struct{}            // holds a token while the server is started anew
	current atomic.Pointer[instance] // nil: none runs
}

// instance is one run of the server.
type instance struct {
	*server.Server
	failed atomic.Pointer[string] // why it does not start
	halted atomic.Pointer[string] // why it stores nothing any more
}

// startEmbedded starts a server on a folder.
func startEmbedded(ctx context.Context, o Options) (*embedded, error) {
	e := &embedded{dir: o.Dir, sync: o.SyncInterval, log: o.Logger, turn: make(chan struct{}, 1)}
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *embedded) start(ctx context.Context) error {
	s, err := server.NewServer(&server.Options{
		ServerName:   "cloudsvc",
		DontListen:   true,
		JetStream:    true,
		StoreDir:     e.dir,
		SyncAlways:   e.sync == 0,
		SyncInterval: e.sync,
		MaxPayload:   maxPayload,
		// Not what the server makes of the free space at each start: streams that
		// were made on an emptier disk must open on a full one.
		JetStreamMaxStore: maxStore,
		NoSigs:            true, // the process's signals are main's
	})
	if err != nil {
		return fmt.Errorf("make the embedded NATS server in %s: %w", e.dir, err)
	}
	run := &instance{Server: s}
	s.SetLoggerV2(serverLogger{e.log, run}, false, false, false)
	s.Start()
	if err := run.await(ctx); err != nil {
		run.stop()
		return fmt.Errorf("start the embedded NATS server in %s: %w", e.dir, err)
	}
	e.current.Store(run)
	return nil
}

// stop stops the server, if one runs.
func (e *embedded) stop() {
	if run := e.current.Swap(nil); run != nil {
		run.stop()
	}
}

func (s *instance) stop() {
	s.Shutdown()
	s.WaitForShutdown()
}

var errNoServer = errors.New("the embedded NATS server does not run")

// fault returns why nothing is stored, or nil.
func (e *embedded) fault() error {
	run := e.current.Load()
	if run == nil {
		return errNoServer
	}
	if why := run.halted.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

// revive starts the server anew where it has a fault. One failed write halts a
// stream for good, though the disk may have room again.
func (e *embedded) revive(ctx context.Context) error {
	if e.fault() == nil {
		return nil
	}
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if e.fault() == nil {
		return nil // somebody else did it
	}
	e.stop()
	return e.start(ctx)
}

// syncStore syncs all that the server has stored, unless it has done so itself: it
// writes before it answers. Else it never syncs what its streams are.
func (e *embedded) syncStore() error {
	run := e.current.Load()
	if e.sync == 0 || run == nil {
		return e.fault()
	}
	return filepath.WalkDir(run.JetStreamConfig().StoreDir, func(path string, _ fs.DirEntry, err error) error {
		var f *os.File
		if err == nil {
			f, err = os.Open(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just been replaced
		}
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// InProcessConn connects to the server that runs now, for nats.Connect and
// for each time that it reconnects.
func (e *embedded) InProcessConn() (net.Conn, error) {
	run := e.current.Load()
	if run == nil {
		return nil, errNoServer
	}
	return run.InProcessConn()
}

// await waits until the server is ready, or says why it will not be.
func (s *instance) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for !s.ReadyForConnections(startStep) {
		if why := s.failed.Load(); why != nil {
			return errors.New(*why)
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("it is not ready: %w", err)
		}
	}
	if !s.JetStreamEnabled() {
		return errors.New("it has no JetStream: see the log above")
	}
	return nil
}

// roomFor returns how large a class's stream may become in a folder, in bytes:
// maxBytes, but no more than a quarter of what is free when it is made.
func roomFor(dir string) (int64, error) {
	free, err := freeIn(dir)
	return min(maxBytes, free/4), err
}

// freeIn returns how many bytes are free for a folder.
func freeIn(dir string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, fmt.Errorf("look how much is free in %s: %w", dir, err)
	}
	return int64(disk.Bavail) * disk.Bsize, nil
}
