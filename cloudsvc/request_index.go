package cloudsvc

import (
	"encoding/binary"
	"slices"
	"time"

	"datastub/dataplane"
)

const (
	// keyTime is how long a request's key holds.
	keyTime = 24 * time.Hour
	// maxRequests is how many keys are kept: they take 10 MB of memory, and 4 MB
	// of a snapshot of the marks. When there are more the oldest are forgotten,
	// and counted.
	maxRequests = 50_000
)

// A requestIndex is the requests that came with a key and are in the log, about
// in their order. It is not safe for concurrent use.
type requestIndex struct {
	kept    []keptRequest
	at      map[[16]byte]uint64 // where each is: how many were forgotten before it, and its index, together
	dropped uint64              // how many were forgotten
}

// A keptRequest is where a request's messages are.
type keptRequest struct {
	RequestKey
	stored time.Time
	parts  [len(dataplane.Classes)]requestPart
}

// A requestPart is the messages of a class, which have consecutive places from
// the first on.
type requestPart struct {
	epoch, first uint64 // 0: there are none, or they are not stored
	block        uint64
}

// part returns where the messages of a class are.
func (k *keptRequest) part(class dataplane.Class) *requestPart {
	return &k.parts[slices.Index(dataplane.Classes[:], class)]
}

// find returns a request, nil where it is not known, or too old by now.
func (x *requestIndex) find(request [16]byte, now time.Time) *keptRequest {
	at, known := x.at[request]
	if !known || at < x.dropped {
		return nil
	}
	if k := &x.kept[at-x.dropped]; now.Sub(k.stored) < keyTime {
		return k
	}
	return nil
}

// add takes in a part of a request that was stored at a time. It returns how many
// others were forgotten that still held.
func (x *requestIndex) add(key RequestKey, class dataplane.Class, part requestPart, stored time.Time) (forgotten int) {
	k := x.find(key.Request, stored)
	if k == nil || k.Body != key.Body {
		x.insert(keptRequest{RequestKey: key, stored: stored})
		k = &x.kept[len(x.kept)-1]
	}
	*k.part(class) = part
	for len(x.kept) > maxRequests || stored.Sub(x.kept[0].stored) >= keyTime {
		if stored.Sub(x.kept[0].stored) < keyTime {
			forgotten++
		}
		x.drop()
	}
	return forgotten
}

func (x *requestIndex) insert(k keptRequest) {
	if x.at == nil {
		x.at = make(map[[16]byte]uint64)
	}
	x.at[k.Request] = x.dropped + uint64(len(x.kept))
	x.kept = append(x.kept, k)
}

// drop forgets the oldest.
func (x *requestIndex) drop() {
	if request := x.kept[0].Request; x.at[request] == x.dropped { // else it came again
		delete(x.at, request)
	}
	x.dropped++
	x.kept = x.kept[1:]
}

// forget forgets what is behind a block of a class.
func (x *requestIndex) forget(class dataplane.Class, end uint64) {
	for i := range x.kept {
		if part := x.kept[i].part(class); part.block > end {
			*part = requestPart{}
		}
	}
}

// clone returns a copy to be saved, not to be asked.
func (x *requestIndex) clone() requestIndex { return requestIndex{kept: slices.Clone(x.kept)} }

// appendTo appends the index as a snapshot of the marks has it.
func (x *requestIndex) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(x.kept)))
	for i := range x.kept {
		k := &x.kept[i]
		dst = append(append(dst, k.Request[:]...), k.Body[:]...)
		dst = binary.AppendUvarint(dst, uint64(k.stored.Unix()))
		for _, part := range k.parts {
			for _, n := range [...]uint64{part.epoch, part.first, part.block} {
				dst = binary.AppendUvarint(dst, n)
			}
		}
	}
	return dst
}

// requestIndex reads what appendTo wrote.
func (r *blockReader) requestIndex() (x requestIndex) {
	for n := r.Count(39); n > 0 && !r.Failed; n-- {
		k := keptRequest{RequestKey: r.requestKey(), stored: time.Unix(int64(r.Uvarint()), 0)}
		for i := range k.parts {
			k.parts[i] = requestPart{r.Uvarint(), r.Uvarint(), r.Uvarint()}
		}
		x.insert(k)
	}
	return x
}

func (r *blockReader) requestKey() (k RequestKey) {
	copy(k.Request[:], r.Bytes(uint64(len(k.Request))))
	copy(k.Body[:], r.Bytes(uint64(len(k.Body))))
	return k
}
