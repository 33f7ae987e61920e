package cloudsvc

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// What cloudsvc saves for itself has a version and a checksum:
//
//	 0   1      2         3   4        8
//	+---+------+---------+---+--------+------+
//	| D | kind | version | 0 | CRC32C | body |
//	+---+------+---------+---+--------+------+
//
// Numbers are big-endian, and the CRC32C (Castagnoli) covers the body.
const sealedHeader = 8

// appendHeader appends the header of what is sealed once its body is appended.
func appendHeader(dst []byte, kind, version byte) []byte {
	return append(dst, 'D', kind, version, 0, 0, 0, 0, 0)
}

// seal writes the checksum.
func seal(record []byte) []byte {
	binary.BigEndian.PutUint32(record[4:], crc32.Checksum(record[sealedHeader:], crcTable))
	return record
}

// unseal returns the body of a record of a kind, in a version from the oldest one
// that is known to the newest, or wraps ErrCorrupt.
func unseal(record []byte, kind, oldest, newest byte) (version byte, body []byte, err error) {
	if len(record) < sealedHeader || record[0] != 'D' || record[1] != kind || record[2] < oldest || record[2] > newest {
		return 0, nil, fmt.Errorf("%w: %d bytes are not D%c of version %d to %d", ErrCorrupt, len(record), kind, oldest, newest)
	}
	body = record[sealedHeader:]
	if crc32.Checksum(body, crcTable) != binary.BigEndian.Uint32(record[4:]) {
		return 0, nil, fmt.Errorf("%w: wrong CRC of D%c of %d bytes", ErrCorrupt, kind, len(record))
	}
	return record[2], body, nil
}
