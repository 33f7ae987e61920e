package e2e

import (
	"flag"
	"os"
	"testing"

	"datastub/hack/stack"
)

// parallel is how many tests run at once: they wait for links and disks more than
// they work.
const parallel = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	os.Exit(stack.Run(m))
}
