package powerloss

// journal is what happened to names and by truncation, in order. Changes are
// numbered from 1.
type journal struct {
	open []change // those that are not on disk yet
	done uint64   // the last one that is
}

// change is one step, which is kept whole or not at all.
type change struct {
	names []naming
	cut   *truncation // nil: there is none
}

// naming gives a name in a folder to an inode; to none for nil.
type naming struct {
	folder *inode
	name   string
	what   *inode
}

// truncation makes a file so many bytes long.
type truncation struct {
	file *inode
	size int64
}

// last returns the number of the last change.
func (j *journal) last() uint64 { return j.done + uint64(len(j.open)) }

// add notes a change, which every inode in it then depends on.
func (j *journal) add(c change) {
	j.open = append(j.open, c)
	n := j.last()
	for _, e := range c.names {
		e.folder.changed = n
		if e.what != nil {
			e.what.changed = n
		}
	}
	if c.cut != nil {
		c.cut.file.changed, c.cut.file.cut = n, n
	}
}

// commit puts all changes on disk up to one.
func (j *journal) commit(upTo uint64) {
	for j.done < upTo {
		c := j.open[0]
		j.open = j.open[1:]
		j.done++
		for _, e := range c.names {
			if e.what == nil {
				delete(e.folder.disk.names, e.name)
			} else {
				e.folder.disk.names[e.name] = e.what
			}
		}
		if c.cut != nil {
			f := c.cut.file
			f.disk.bytes, f.disk.cut = resized(f.disk.bytes, c.cut.size), j.done
		}
	}
}
