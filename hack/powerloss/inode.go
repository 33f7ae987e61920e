package powerloss

import (
	"maps"
	"slices"
	"time"
)

const (
	// pageSize is what is written back at once, in bytes.
	pageSize = 4096
	// sectorSize is what the disk itself writes whole or not at all, in bytes.
	sectorSize = 512
)

// inode is a file or a folder: as programs see it, and as it is on disk.
type inode struct {
	id      uint64
	mode    uint32 // with its type
	mtime   time.Time
	bytes   []byte            // of a file
	names   map[string]*inode // of a folder; nil for a file
	changed uint64            // the last change in the journal that it is part of
	cut     uint64            // the last of them that was a truncation

	dirty   map[int64]uint64 // pages that are not synced, with the truncation that they were written behind
	lengths []length         // what writes since the last sync made of it

	disk struct {
		bytes []byte
		names map[string]*inode
		cut   uint64 // the last truncation
	}
}

// length is how long a file was, behind which truncation.
type length struct {
	size int64
	cut  uint64
}

func newFile(id uint64, mode uint32) *inode {
	return &inode{id: id, mode: mode, mtime: time.Now(), dirty: make(map[int64]uint64)}
}

func newFolder(id uint64, mode uint32) *inode {
	i := &inode{id: id, mode: mode, mtime: time.Now(), names: make(map[string]*inode)}
	i.disk.names = make(map[string]*inode)
	return i
}

// write writes bytes at a place, for programs to see.
func (i *inode) write(at int64, b []byte) {
	if len(b) == 0 {
		return
	}
	end := at + int64(len(b))
	if end > int64(len(i.bytes)) {
		i.touch(int64(len(i.bytes)), at) // the hole that is left
		i.bytes = resized(i.bytes, end)
		i.lengths = append(i.lengths, length{end, i.cut})
	}
	copy(i.bytes[at:], b)
	i.touch(at, end)
	i.mtime = time.Now()
}

// touch marks the pages from one place up to another as not synced.
func (i *inode) touch(from, to int64) {
	for page := from / pageSize; page*pageSize < to; page++ {
		i.dirty[page] = i.cut
	}
}

// truncate makes a file so many bytes long, for programs to see.
func (i *inode) truncate(j *journal, size int64) {
	j.add(change{cut: &truncation{i, size}})
	i.bytes = resized(i.bytes, size)
	maps.DeleteFunc(i.dirty, func(page int64, _ uint64) bool { return page*pageSize >= size })
	if last := size / pageSize; i.isDirty(last) {
		i.dirty[last] = i.cut // what it had before is cut off
	}
	i.mtime = time.Now()
}

func (i *inode) isDirty(page int64) bool {
	_, is := i.dirty[page]
	return is
}

// sync puts on disk all that is known of a file or folder.
func (i *inode) sync(j *journal) {
	j.commit(i.changed)
	if i.names != nil {
		return
	}
	i.disk.bytes = resized(i.disk.bytes, int64(len(i.bytes)))
	for page := range i.dirty {
		copy(i.disk.bytes[page*pageSize:], i.page(page))
	}
	i.clean()
}

// page returns a page as programs see it: the last one may be short.
func (i *inode) page(n int64) []byte {
	return i.bytes[n*pageSize : min((n+1)*pageSize, int64(len(i.bytes)))]
}

func (i *inode) clean() {
	clear(i.dirty)
	i.lengths = nil
}

// resized returns bytes cut, or with zeros behind them.
func resized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		clear(b[size:]) // which are zeros again when it grows
		return b[:size]
	}
	old := len(b)
	b = slices.Grow(b, int(size)-old)[:size]
	clear(b[old:])
	return b
}
