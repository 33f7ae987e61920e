package rest

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// ErrNoRoom refuses a body because those of other requests take all the
// memory that bodies may.
var ErrNoRoom = errors.New("the bodies of other requests take all the room there is")

// A Room bounds the memory that the bodies of all requests take together. What
// counts is what has been read: a request that announces much and sends
// little holds little.
type Room struct{ left atomic.Int64 }

// NewRoom returns a room of so many bytes.
func NewRoom(maxBytes int64) *Room {
	r := &Room{}
	r.left.Store(maxBytes)
	return r
}

// Enter counts a request's body against the room as it is read, which fails
// with ErrNoRoom where there is none left. Leave gives back what it took, once
// nothing is left of the body in memory.
func (r *Room) Enter(request *http.Request) (leave func()) {
	body := &roomBody{ReadCloser: request.Body, room: r}
	request.Body = body
	return func() { r.left.Add(body.held) }
}

// roomBody is a body that is counted.
type roomBody struct {
	io.ReadCloser
	room *Room
	held int64
}

func (b *roomBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.held += int64(n)
	if b.room.left.Add(-int64(n)) < 0 {
		return 0, ErrNoRoom
	}
	return n, err
}
