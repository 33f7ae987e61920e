package build

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// every is how often it is told that a build goes on.
const every = 30 * time.Second

// tell says what is begun, and then from time to time that it goes on, until
// the function that it returns is called.
func tell(progress io.Writer, what string) (done func()) {
	begun := time.Now()
	fmt.Fprintln(progress, what+" ...")
	ended := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				fmt.Fprintf(progress, "  %v: still %s\n", time.Since(begun).Round(time.Second), what)
			}
		}
	})
	return func() {
		close(ended)
		telling.Wait()
	}
}
