package powerloss

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Device is what FUSE needs to be there, and may not be in a container.
const Device = "/dev/fuse"

// A Disk is mounted for as long as a test runs.
type Disk struct {
	t       testing.TB
	dir     string
	mounted *volume
	server  *fuse.Server

	mu       sync.Mutex
	root     *inode
	journal  journal
	lastID   uint64
	readOnly bool
}

// New mounts an empty disk. It skips the test where that cannot be, as it takes
// root and FUSE.
func New(t testing.TB) *Disk {
	t.Helper()
	f, err := os.OpenFile(Device, os.O_RDWR, 0)
	if err != nil {
		t.Skipf("a disk that forgets is mounted by FUSE, as root: %v", err)
	}
	_ = f.Close()
	d := &Disk{t: t, dir: t.TempDir(), root: newFolder(fuse.FUSE_ROOT_ID, syscall.S_IFDIR|0o755), lastID: fuse.FUSE_ROOT_ID}
	d.mount(map[uint64]*inode{d.root.id: d.root})
	t.Cleanup(d.unmount)
	return d
}

// Path returns the path of a file or folder on the disk.
func (d *Disk) Path(names ...string) string {
	return filepath.Join(append([]string{d.dir}, names...)...)
}

// Crash is a loss of power: what is not synced is gone, or not, as a seed has
// it, and the disk is there again. What a program still has open on it fails
// from then on: programs are killed before.
func (d *Disk) Crash(seed uint64) {
	d.t.Helper()
	d.mu.Lock()
	d.mounted.gone = true
	left := forget(d.root, &d.journal, rand.New(rand.NewPCG(seed, 0)))
	d.mu.Unlock()
	d.unmount()
	d.mount(left)
}

// SetReadOnly makes the disk one that can be read only, with programs on it, as
// ext4 does with errors=remount-ro when something is wrong; or ends that.
func (d *Disk) SetReadOnly(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readOnly = is
}

// mount mounts the disk. Nothing is in the kernel's caches then.
func (d *Disk) mount(inodes map[uint64]*inode) {
	d.t.Helper()
	d.mounted = newVolume(d, inodes)
	server, err := fuse.NewServer(d.mounted, d.dir, &fuse.MountOptions{
		FsName: "powerloss", Name: "powerloss", DirectMountStrict: true, DirectMountFlags: syscall.MS_NOSUID | syscall.MS_NODEV,
		MaxWrite: fuse.MAX_KERNEL_WRITE, DisableXAttrs: true, DisableReadDirPlus: true,
	})
	if err != nil {
		d.t.Fatalf("mount a disk that forgets at %s: %v", d.dir, err)
	}
	d.server = server
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		d.t.Fatalf("mount a disk that forgets at %s: %v", d.dir, err)
	}
}

// unmount takes the disk away, though a file on it may be open.
func (d *Disk) unmount() {
	if d.server == nil {
		return
	}
	if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
		d.t.Fatalf("unmount %s: %v", d.dir, err)
	}
	d.server = nil
}
