package dmi

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestReasonOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want string
	}{
		"it is busy":         {status.FromContextError(context.DeadlineExceeded).Err(), "EdgeCore has not answered in 5s"},
		"it says nothing":    {status.Error(codes.Unavailable, `connection error: desc = "error reading server preface: EOF"`), "who listens at EdgeCore's socket does not answer as EdgeCore does"},
		"it is away":         {status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial unix /a\"b: connect: refused"`), `dial unix /a"b: connect: refused`},
		"it is asked often":  {status.Error(codes.Unknown, "fail to register mapper because of too many request: m"), errTooMany.Error()},
		"it has a reason":    {status.Error(codes.Unknown, "fail to register mapper m because the protocol is nil"), "fail to register mapper m because the protocol is nil"},
		"it is no gRPC word": {errors.New("other"), "other"},
	}
	for name, test := range tests {
		if got := reasonOf("register", test.err); got.Error() != "register: "+test.want {
			t.Errorf("%s: got %v, want %s", name, got, test.want)
		}
	}
	if err := reasonOf("register", tests["it is asked often"].err); !errors.Is(err, errTooMany) {
		t.Errorf("got %v, want one that is errTooMany", err)
	}
}

// TestEdgeAway: of an EdgeCore that is not there an error names the path alone.
func TestEdgeAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(socketDir(t), "dmi.sock")
	e, err := newEdge(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	_, err = e.Register(t.Context(), &pb.MapperRegisterRequest{Mapper: &pb.MapperInfo{Name: "m"}})
	_, dialled := net.Dial("unix", path)
	if want := "register mapper m: " + dialled.Error(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
