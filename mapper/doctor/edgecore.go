package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// edgeCore looks at EdgeCore's socket.
func (d *Doctor) edgeCore(ctx context.Context, path string) Finding {
	const subject = "edgecore"
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Finding{Fail, subject, path + " is not there", fmt.Sprintf("is edgecore running, with modules.deviceTwin on? is %s mounted whole into the pod, and not the socket alone?", filepath.Dir(path))}
	case err != nil:
		return Finding{Fail, subject, err.Error(), "let the mapper's user read " + filepath.Dir(path)}
	case info.Mode().Type() != fs.ModeSocket:
		return Finding{Fail, subject, fmt.Sprintf("%s is no socket (%v)", path, info.Mode()), "set common.edgecore_sock to EdgeCore's deviceTwin.dmiSockPath"}
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	if err := d.options.Probe(ctx, path); err != nil {
		return Finding{Fail, subject, err.Error(), "is edgecore running? after a restart of it, is the socket that of a folder mounted whole? may the mapper's user write to it?"}
	}
	return Finding{Verdict: OK, Subject: subject, Text: path + " answers"}
}

// socketFolder looks at the folder where the mapper makes a socket that EdgeCore
// is to call, and at what is there by its name.
func socketFolder(path string, mounts []mount) Finding {
	const subject = "socket"
	dir := filepath.Dir(path)
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return Finding{Fail, subject, fmt.Sprintf("%s cannot be made: what is there is no socket (%v)", path, info.Mode()), "take it away, or set grpc_server.socket_path to another path"}
	}
	if err := unix.Access(existing(dir), unix.W_OK|unix.X_OK); err != nil {
		return Finding{Fail, subject, fmt.Sprintf("%s cannot be made: write to %s: %v", path, existing(dir), err), "make it a folder to which the mapper's user may write"}
	}
	if m := mountOf(mounts, dir); m.point == "/" && m.kind == "overlay" {
		return Finding{Warn, subject, fmt.Sprintf("%s is in the container's own file system, where EdgeCore does not see it", dir), "mount the host's " + dir + " at the same path"}
	}
	return Finding{Verdict: OK, Subject: subject, Text: "the mapper may make " + path}
}
