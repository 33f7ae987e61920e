package hostile

import (
	"os"
	"testing"

	"datastub/hack/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Run(m)) }
