package powerloss

import (
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	// cached is how long the kernel may keep what it knows: nobody else changes
	// anything while a volume is mounted.
	cached = time.Hour
	// room is the disk's, in pages.
	room = 64 << 30 / pageSize
)

// volume is a disk that is mounted, as FUSE asks for it. It forgets no inode
// while it is: those that have no name any more may be open.
type volume struct {
	fuse.RawFileSystem // what is not there
	disk               *Disk

	// The disk's mu guards what follows.
	gone     bool // the power was lost since
	inodes   map[uint64]*inode
	listings map[uint64][]fuse.DirEntry // of folders that are open
	handles  uint64
}

func newVolume(d *Disk, inodes map[uint64]*inode) *volume {
	return &volume{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), disk: d,
		inodes: inodes, listings: make(map[uint64][]fuse.DirEntry),
	}
}

// String implements fuse.RawFileSystem.
func (v *volume) String() string { return "powerloss" }

// on does something with an inode, or tells why not.
func (v *volume) on(id uint64, do func(*inode) fuse.Status) fuse.Status {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if v.gone {
		return fuse.EIO
	}
	return do(v.inodes[id])
}

// change does something to an inode, where the disk can be written.
func (v *volume) change(id uint64, do func(*inode) fuse.Status) fuse.Status {
	return v.on(id, func(i *inode) fuse.Status {
		if v.disk.readOnly {
			return fuse.EROFS
		}
		return do(i)
	})
}

// Lookup implements fuse.RawFileSystem.
func (v *volume) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	return v.on(in.NodeId, func(folder *inode) fuse.Status {
		i := folder.names[name]
		if i == nil {
			return fuse.ENOENT
		}
		return tell(i, out)
	})
}

// tell describes an inode that has just got, or been found by, a name.
func tell(i *inode, out *fuse.EntryOut) fuse.Status {
	out.NodeId = i.id
	i.describe(&out.Attr)
	out.SetEntryTimeout(cached)
	out.SetAttrTimeout(cached)
	return fuse.OK
}

func (i *inode) describe(a *fuse.Attr) {
	a.Ino, a.Mode, a.Nlink = i.id, i.mode, 1
	a.Size, a.Blocks, a.Blksize = uint64(len(i.bytes)), uint64(len(i.bytes)+sectorSize-1)/sectorSize, pageSize
	a.SetTimes(&i.mtime, &i.mtime, &i.mtime)
}

// GetAttr implements fuse.RawFileSystem.
func (v *volume) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return v.on(in.NodeId, func(i *inode) fuse.Status {
		i.describe(&out.Attr)
		out.SetTimeout(cached)
		return fuse.OK
	})
}

// SetAttr implements fuse.RawFileSystem.
func (v *volume) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return v.change(in.NodeId, func(i *inode) fuse.Status {
		if size, is := in.GetSize(); is {
			i.truncate(&v.disk.journal, int64(size))
		}
		if mode, is := in.GetMode(); is {
			i.mode = i.mode&syscall.S_IFMT | mode&^syscall.S_IFMT
		}
		if at, is := in.GetMTime(); is {
			i.mtime = at
		}
		i.describe(&out.Attr)
		out.SetTimeout(cached)
		return fuse.OK
	})
}

// Mkdir implements fuse.RawFileSystem.
func (v *volume) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return v.add(in.NodeId, name, out, func(id uint64) *inode { return newFolder(id, syscall.S_IFDIR|in.Mode) })
}

// Create implements fuse.RawFileSystem.
func (v *volume) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	return v.add(in.NodeId, name, &out.EntryOut, func(id uint64) *inode { return newFile(id, syscall.S_IFREG|in.Mode) })
}

func (v *volume) add(folder uint64, name string, out *fuse.EntryOut, inodeOf func(id uint64) *inode) fuse.Status {
	return v.change(folder, func(folder *inode) fuse.Status {
		if folder.names[name] != nil {
			return fuse.Status(syscall.EEXIST)
		}
		v.disk.lastID++
		i := inodeOf(v.disk.lastID)
		v.inodes[i.id] = i
		v.name(naming{folder, name, i})
		return tell(i, out)
	})
}

// name does one change to names.
func (v *volume) name(all ...naming) {
	for _, n := range all {
		if n.what == nil {
			delete(n.folder.names, n.name)
		} else {
			n.folder.names[n.name] = n.what
		}
		n.folder.mtime = time.Now()
	}
	v.disk.journal.add(change{names: all})
}

// Unlink implements fuse.RawFileSystem.
func (v *volume) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return v.remove(in.NodeId, name)
}

// Rmdir implements fuse.RawFileSystem.
func (v *volume) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return v.remove(in.NodeId, name)
}

func (v *volume) remove(folder uint64, name string) fuse.Status {
	return v.change(folder, func(folder *inode) fuse.Status {
		switch i := folder.names[name]; {
		case i == nil:
			return fuse.ENOENT
		case len(i.names) > 0:
			return fuse.Status(syscall.ENOTEMPTY)
		}
		v.name(naming{folder, name, nil})
		return fuse.OK
	})
}

// Rename implements fuse.RawFileSystem.
func (v *volume) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	return v.change(in.NodeId, func(folder *inode) fuse.Status {
		target := v.inodes[in.Newdir]
		old, what := target.names[to], folder.names[from]
		switch {
		case in.Flags != 0:
			return fuse.EINVAL
		case what == nil:
			return fuse.ENOENT
		case old == what:
			return fuse.OK
		case old != nil && len(old.names) > 0:
			return fuse.Status(syscall.ENOTEMPTY)
		}
		v.name(naming{folder, from, nil}, naming{target, to, what})
		return fuse.OK
	})
}

// Open implements fuse.RawFileSystem.
func (v *volume) Open(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	do := v.on
	if in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		do = v.change
	}
	return do(in.NodeId, func(*inode) fuse.Status { return fuse.OK })
}

// Read implements fuse.RawFileSystem.
func (v *volume) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (result fuse.ReadResult, status fuse.Status) {
	status = v.on(in.NodeId, func(i *inode) fuse.Status {
		from := min(in.Offset, uint64(len(i.bytes)))
		result = fuse.ReadResultData(buf[:copy(buf, i.bytes[from:])])
		return fuse.OK
	})
	return result, status
}

// Write implements fuse.RawFileSystem.
func (v *volume) Write(_ <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	status := v.change(in.NodeId, func(i *inode) fuse.Status {
		i.write(int64(in.Offset), b)
		if in.Flags&syscall.O_DSYNC != 0 { // a part of O_SYNC
			i.sync(&v.disk.journal)
		}
		return fuse.OK
	})
	return uint32(len(b)), status
}

// Flush implements fuse.RawFileSystem: to close is not to sync.
func (v *volume) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

// Fsync implements fuse.RawFileSystem.
func (v *volume) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return v.sync(in) }

// FsyncDir implements fuse.RawFileSystem.
func (v *volume) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return v.sync(in) }

func (v *volume) sync(in *fuse.FsyncIn) fuse.Status {
	return v.change(in.NodeId, func(i *inode) fuse.Status {
		i.sync(&v.disk.journal)
		return fuse.OK
	})
}

// OpenDir implements fuse.RawFileSystem.
func (v *volume) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return v.on(in.NodeId, func(folder *inode) fuse.Status {
		var list []fuse.DirEntry
		for _, name := range slices.Sorted(maps.Keys(folder.names)) {
			i := folder.names[name]
			list = append(list, fuse.DirEntry{Name: name, Ino: i.id, Mode: i.mode, Off: uint64(len(list) + 1)})
		}
		v.handles++
		out.Fh = v.handles
		v.listings[out.Fh] = list
		return fuse.OK
	})
}

// ReadDir implements fuse.RawFileSystem.
func (v *volume) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return v.on(in.NodeId, func(*inode) fuse.Status {
		list := v.listings[in.Fh]
		for _, e := range list[min(in.Offset, uint64(len(list))):] {
			if !out.AddDirEntry(e) {
				break
			}
		}
		return fuse.OK
	})
}

// ReleaseDir implements fuse.RawFileSystem.
func (v *volume) ReleaseDir(in *fuse.ReleaseIn) {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	delete(v.listings, in.Fh)
}

// StatFs implements fuse.RawFileSystem.
func (v *volume) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.Frsize, out.NameLen = pageSize, pageSize, 255
	out.Blocks, out.Bfree, out.Bavail = room, room, room
	return fuse.OK
}
