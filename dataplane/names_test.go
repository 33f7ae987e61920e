package dataplane

import "testing"

func TestNamesForPeople(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ got, want string }{
		{RefuseMalformed.String(), "malformed"},
		{RefuseUnauthorized.String(), "unauthorized"},
		{RefuseFull.String(), "full"},
		{RefuseCode(0).String(), "RefuseCode(0)"},
		{RefuseCode(9).String(), "RefuseCode(9)"},
		{TypeHelloOK.String(), "HELLO_OK"},
		{FrameType(13).String(), "FrameType(13)"},
		{(&Data{Epoch: 7, First: 41, Last: 42}).Mark().String(), "7/42"},
		{Type(7).String(), "Type(7)"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
