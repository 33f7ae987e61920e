// Package powerloss is a disk for tests that forgets, when the power goes, what
// nobody synced. It is a file system in memory, mounted by FUSE, so that whole
// programs run on it as they are.
//
// It promises what ext4 promises with data=ordered (and XFS; see ext4(5), jbd2
// and the file systems' documentation in the kernel), and nothing more:
//
//   - What a program reads is what was last written, synced or not, until the
//     power goes.
//   - fsync of a file keeps its bytes, its length, its name, and all that
//     happened to names and by truncation before the last such change of it: the
//     journal is one, and is committed in order. fsync of a folder does so up to
//     the last change of its names. A file opened with O_SYNC or O_DSYNC is
//     synced by each write.
//   - Of what happened to names, and of truncations, a beginning is kept that
//     has all that was synced: creations, renames and removals are undone from
//     the last one back. One rename is kept whole or not at all.
//   - Of bytes that are not synced each page of 4 KiB is kept, or not, or torn: as
//     many of its 512-byte sectors as it happens, from the first. What was there
//     before stands where nothing is kept, or zeros do.
//   - The length is what was synced, or what one of the writes since made it: a
//     file may be longer than what is kept of its bytes, which then are zeros. So
//     a file that was renamed over another without a sync may be empty.
//
// Other than on a real disk, no time passes: what is not synced is not kept for
// sure however long ago it was written. Modes and times are kept always. Links,
// extended attributes and fallocate are not there. Locks (flock) and mmap are the
// kernel's; what is written to a mapping counts as written when the kernel
// writes it back.
package powerloss
