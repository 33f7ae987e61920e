package rest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	room := NewRoom(100)
	read := func(bytes int) (leave func(), err error) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("1", bytes)))
		r.ContentLength = 1 << 40 // what is announced takes nothing
		leave = room.Enter(r)
		_, err = ReadBody(httptest.NewRecorder(), r, 1000)
		return leave, err
	}
	first, err := read(60)
	if err != nil {
		t.Fatal(err)
	}
	second, err := read(60)
	if !errors.Is(err, ErrNoRoom) {
		t.Errorf("60 bytes behind 60 of 100: got %v, want %v", err, ErrNoRoom)
	}
	second()
	first()
	third, err := read(100)
	if err != nil {
		t.Errorf("when the others have left: got %v", err)
	}
	third()
}
