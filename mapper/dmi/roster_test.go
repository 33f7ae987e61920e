package dmi

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"

	"datastub/mapper"
)

// A watcher is a Witness that remembers.
type watcher struct {
	nobody
	mu      sync.Mutex
	seen    map[mapper.Key]int
	missing []mapper.Key
}

func (w *watcher) ConfigSeen(key mapper.Key, _ time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[key]++
}

func (w *watcher) Missing(_ string, keys []mapper.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missing = keys
}

func testRoster() (*roster, *target, *watcher) {
	to, w := new(target), &watcher{seen: map[mapper.Key]int{}}
	return newRoster(to, Options{Defaults: mapper.DefaultRules(), Vet: vetNothing, Witness: w}), to, w
}

// listing returns an answer with devices, and the model "m" once for each.
func listing(devices ...*pb.Device) *pb.MapperRegisterResponse {
	answer := &pb.MapperRegisterResponse{}
	for _, d := range devices {
		answer.DeviceList = append(answer.DeviceList, d)
		answer.ModelList = append(answer.ModelList, modelMessage("l"))
	}
	return answer
}

func wantNames(t *testing.T, when string, to *target, want ...string) {
	t.Helper()
	if got := to.names(); !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", when, got, want)
	}
}

// Calls come in between the question and its answer.
func TestRosterTakesOldAnswersForWhatTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, to, w := testRoster()
		a, b := deviceMessage(t, "modbus", "a", 1), deviceMessage(t, "modbus", "b", 1)
		r.take("modbus", time.Now(), listing(a, b), time.Minute)
		time.Sleep(time.Hour)
		asked := time.Now()
		time.Sleep(time.Second)
		r.put(deviceMessage(t, "modbus", "a", 2))
		r.put(deviceMessage(t, "modbus", "c", 1))
		r.remove(keyOf(b))
		time.Sleep(time.Second)
		missing, removed := r.take("modbus", asked, listing(a, b), time.Minute)
		if len(missing)+len(removed) > 0 {
			t.Errorf("got %v missing and %v removed, want the calls to hold", missing, removed)
		}
		wantNames(t, "an answer that was overtaken", to, "a", "c")
		if spec, _ := to.spec(keyOf(a)); spec.Properties[0].Point.Settings["offset"] != 2.0 {
			t.Errorf("got %+v, want the offset that was told last", spec)
		}
		if w.seen[keyOf(a)] != 3 {
			t.Errorf("configuration of a was seen %d times, want 3", w.seen[keyOf(a)])
		}
		if w.seen[keyOf(b)] != 1 {
			t.Errorf("configuration of b was seen %d times, want once, and not after it was removed", w.seen[keyOf(b)])
		}

		// EdgeCore forgets what it had removed only after the call.
		r.take("modbus", time.Now(), listing(a, b), time.Minute)
		wantNames(t, "an answer that was asked for just after", to, "a", "c")
		time.Sleep(overlap + 1)
		r.take("modbus", time.Now(), listing(a, b), time.Minute)
		wantNames(t, "an answer of later", to, "a", "b", "c")
		if spec, _ := to.spec(keyOf(a)); spec.Properties[0].Point.Settings["offset"] != 1.0 {
			t.Errorf("got %+v, want the offset of the answer", spec)
		}
	})
}

func TestRosterRemovesWhatIsMissing(t *testing.T) {
	t.Parallel()
	a, b := deviceMessage(t, "modbus", "a", 1), deviceMessage(t, "modbus", "b", 1)
	other := deviceMessage(t, "virtual", "v", 1)
	// Each step comes 30 s after the one before.
	take := func(devices ...*pb.Device) func(r *roster) {
		return func(r *roster) { r.take("modbus", time.Now(), listing(devices...), time.Minute) }
	}
	fails := func(r *roster) { r.doubt("modbus") }
	modelGone := func(r *roster) { r.removeModel(mapper.Key{Namespace: "default", Name: "m"}) }
	modelMade := func(r *roster) { r.putModel(modelMessage("l")) }
	putA := func(r *roster) { r.put(deviceMessage(t, "modbus", "a", 1)) }
	tests := map[string]struct {
		steps []func(r *roster)
		want  []string
	}{
		"in two answers":                            {[]func(*roster){take(a), take(a)}, []string{"a", "b", "v"}},
		"in three":                                  {[]func(*roster){take(a), take(a), take(a)}, []string{"a", "v"}},
		"but not in one in between":                 {[]func(*roster){take(a), take(a), take(a, b), take(a), take(a)}, []string{"a", "b", "v"}},
		"with a failure in between":                 {[]func(*roster){take(a), take(a), fails, take(a), take(a)}, []string{"a", "b", "v"}},
		"with all others":                           {slices.Repeat([]func(*roster){take()}, 20), []string{"a", "b", "v"}},
		"with all others, for long":                 {slices.Repeat([]func(*roster){take()}, 21), []string{"v"}},
		"in an answer after a re-add":               {[]func(*roster){take(a), take(a), func(r *roster) { r.put(deviceMessage(t, "modbus", "b", 7)) }, take(a)}, []string{"a", "b", "v"}},
		"with all others, their model gone, in two": {[]func(*roster){modelGone, take(), take()}, []string{"a", "b", "v"}},
		"with all others, their model gone":         {[]func(*roster){modelGone, take(), take(), take()}, []string{"v"}},
		"their model gone and made again":           {append([]func(*roster){modelGone, modelMade}, slices.Repeat([]func(*roster){take()}, 20)...), []string{"a", "b", "v"}},
		"their model gone, and one told since":      {append([]func(*roster){modelGone, putA}, slices.Repeat([]func(*roster){take()}, 20)...), []string{"a", "b", "v"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, to, _ := testRoster()
				r.take("modbus", time.Now(), listing(a, b), time.Minute)
				r.put(other)
				for _, step := range test.steps {
					time.Sleep(30 * time.Second)
					step(r)
				}
				wantNames(t, "in the end", to, test.want...)
			})
		})
	}
}

func TestRosterKeepsModels(t *testing.T) {
	t.Parallel()
	r, to, _ := testRoster()
	m, a := mapper.Key{Namespace: "default", Name: "m"}, deviceMessage(t, "modbus", "a", 1)
	r.putModel(modelMessage("l"))
	if known := r.put(a); !known {
		t.Error("the model came before the device, and is not known")
	}
	r.removeModel(m)
	r.put(deviceMessage(t, "modbus", "a", 2))
	if spec, _ := to.spec(keyOf(a)); spec.Void {
		t.Errorf("changed after its model was removed: got %+v, want the last model to hold", spec)
	}
	r.putModel(modelMessage("hl"))
	if spec, _ := to.spec(keyOf(a)); spec.Properties[0].Unit != "hl" {
		t.Errorf("a model came in its place: got %+v", spec)
	}
	r.removeModel(m)
	r.remove(keyOf(a))
	if known := r.put(a); known {
		t.Error("the model is kept when no device is made of it")
	}
}

func TestRosterForgetsModelsWithoutDevices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRoster()
		a, unused := deviceMessage(t, "modbus", "a", 1), modelMessage("l")
		unused.Name = "unused"
		models := func() int {
			r.take("modbus", time.Now(), listing(a), time.Minute)
			return len(r.models)
		}
		r.take("modbus", time.Now(), listing(a), time.Minute)
		r.putModel(unused)
		time.Sleep(awaitDevice)
		if got := models(); got != 2 {
			t.Errorf("as its device may still come: got %d models, want 2", got)
		}
		time.Sleep(time.Second)
		if got := models(); got != 1 {
			t.Errorf("as no device has come: got %d models, want that of the device alone", got)
		}
	})
}

func TestRosterTellsWhatHasChanged(t *testing.T) {
	t.Parallel()
	r, to, _ := testRoster()
	r.putModel(modelMessage("l"))
	r.put(deviceMessage(t, "modbus", "a", 1))
	changes := to.changes()
	same := deviceMessage(t, "modbus", "a", 1)
	same.Status.ReportCycle = 0
	r.put(same)
	described := modelMessage("l")
	described.Spec.Commands = []*pb.DeviceCommand{{Name: "c"}} // nothing of ours
	r.putModel(described)
	if got := to.changes(); got != changes {
		t.Errorf("told %d things when nothing had changed", got-changes)
	}
	got, ok := r.device(keyOf(same))
	if !ok || got == same || got.GetName() != "a" {
		t.Errorf("device: got %v, %v, want a copy", got, ok)
	}
}
