package socket

import (
	"fmt"
	"path/filepath"
	"strings"
)

// maxPath is the longest path of a Unix socket, in bytes: what Linux has room
// for in an address, without its final NUL.
const maxPath = 107

// CheckPath says why a path cannot be a Unix socket's, or nothing. An empty one
// can be none.
func CheckPath(path string) (wrong string) {
	switch {
	case path == "":
		return "it is empty"
	case len(path) > maxPath:
		return fmt.Sprintf("%d bytes long, the most for a Unix socket is %d", len(path), maxPath)
	case strings.Contains(path, "\x00"):
		return "it holds a NUL"
	case path[0] == '@': // it would be a name in no folder, which no mode protects
		return `it begins with "@"`
	case strings.HasSuffix(path, "/") || filepath.Base(path) == "." || filepath.Base(path) == "..":
		return "it names a folder"
	}
	return ""
}
