package e2e

import (
	"context"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"datastub/cloudsvc"
	"datastub/cloudsvc/natslog"
	"datastub/dataplane"
	"datastub/hack/stack"
)

// openLog opens the log of a cloudsvc that has stopped. The caller closes it.
func openLog(t *testing.T, s *stack.Stack) *natslog.Log {
	t.Helper()
	log, err := natslog.Open(context.Background(), natslog.Options{Dir: s.Data(), Logger: klog.Background()})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// erasOf returns the record of who has written to the log of a cloudsvc that has
// stopped: each start makes it longer.
func erasOf(t *testing.T, s *stack.Stack) []byte {
	t.Helper()
	log := openLog(t, s)
	defer log.Close()
	record, err := log.LoadEras(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// eachBlock goes through the log of a cloudsvc that has stopped.
func eachBlock(t *testing.T, s *stack.Stack, each func(seq uint64, block *cloudsvc.Block)) {
	t.Helper()
	ctx := context.Background()
	log := openLog(t, s)
	defer log.Close()
	for _, class := range dataplane.Classes {
		err := log.Replay(ctx, class, 0, func(seq uint64, _ time.Time, raw []byte) error {
			block, err := cloudsvc.ParseBlock(raw)
			if err == nil {
				each(seq, block)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// eachFrame goes through the frames in the log of a cloudsvc that has stopped.
// Messages are those of a DATA that no frame before it brought.
func eachFrame(t *testing.T, s *stack.Stack, each func(class dataplane.Class, r cloudsvc.Range, f dataplane.Frame, messages []dataplane.Message)) {
	t.Helper()
	packer, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	eachBlock(t, s, func(_ uint64, block *cloudsvc.Block) {
		for i, r := range block.Ranges {
			f, err := dataplane.DecodeFrame(block.Frames[i])
			if err != nil {
				t.Fatal(err)
			}
			var messages []dataplane.Message
			if data, is := f.(*dataplane.Data); is {
				batch, err := packer.Unpack(r.Publisher, data)
				if err != nil {
					t.Fatal(err)
				}
				messages = batch.Messages[r.First-batch.First:]
			}
			each(block.Class, r, f, messages)
		}
	})
}
