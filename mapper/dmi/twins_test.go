package dmi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/kubeedge/api/apis/dmi/v1beta1"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
	"k8s.io/klog/v2/ktesting"

	"datastub/driver"
	"datastub/mapper"
)

// A limited is EdgeCore as its reports see it: it has EdgeCore's limiter, and
// crashes and drops as EdgeCore does.
type limited struct {
	t       *testing.T
	limiter *rate.Limiter

	mu      sync.Mutex
	broken  error // of every request
	calls   []call
	refused int
	twins   map[string]map[string]told // by device and property
	states  map[string]told
}

// A told is what EdgeCore has of a property or a state.
type told struct {
	value, desired string
	times          int
	at             time.Time
}

// A call is one request: a device, and what of it.
type call struct {
	device string
	what   string // state=online, or a=1 b=2
	at     time.Time
}

func newLimited(t *testing.T) *limited {
	return &limited{t: t, limiter: newLimiter(), twins: map[string]map[string]told{}, states: map[string]told{}}
}

func (l *limited) take(device string) error {
	if l.broken != nil {
		return fmt.Errorf("report %s: %w", device, l.broken)
	}
	if !l.limiter.Allow() {
		l.refused++
		return fmt.Errorf("report %s: %w", device, errTooMany)
	}
	return nil
}

func (l *limited) ReportStatus(_ context.Context, request *pb.ReportDeviceStatusRequest) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.take(request.DeviceName); err != nil {
		return err
	}
	twins := request.ReportedDevice.Twins
	if len(twins) == 0 {
		l.t.Errorf("%s: a report without twins", request.DeviceName)
	}
	if size := proto.Size(request); size > 1<<20 {
		l.t.Errorf("%s: a report of %d bytes", request.DeviceName, size)
	}
	known := l.twins[request.DeviceName]
	if known == nil {
		known = map[string]told{}
		l.twins[request.DeviceName] = known
	}
	var what []string
	for _, twin := range twins {
		value, desired := twin.Reported.Value, twin.ObservedDesired.Value // EdgeCore crashes where one is nil
		for _, text := range []string{value, desired} {
			if text != "" && !twinValue.MatchString(text) || !twinName.MatchString(twin.PropertyName) {
				l.t.Errorf("%s: %q=%q would be dropped", request.DeviceName, twin.PropertyName, text)
			}
		}
		known[twin.PropertyName] = told{value, desired, known[twin.PropertyName].times + 1, time.Now()}
		what = append(what, twin.PropertyName+"="+value)
	}
	l.calls = append(l.calls, call{request.DeviceName, strings.Join(what, " "), time.Now()})
	return nil
}

func (l *limited) ReportStates(_ context.Context, request *pb.ReportDeviceStatesRequest) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.take(request.DeviceName); err != nil {
		return err
	}
	before := l.states[request.DeviceName]
	l.states[request.DeviceName] = told{value: request.State, times: before.times + 1, at: time.Now()}
	l.calls = append(l.calls, call{request.DeviceName, "state=" + request.State, time.Now()})
	return nil
}

// heard returns the calls since heard was called last.
func (l *limited) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for _, c := range l.calls {
		lines = append(lines, c.device+" "+c.what)
	}
	l.calls = nil
	return lines
}

func (l *limited) wantHeard(t *testing.T, after string, want ...string) {
	t.Helper()
	if got := l.heard(); !slices.Equal(got, want) {
		t.Errorf("%s: heard %q, want %q", after, got, want)
	}
}

// oldest returns how long ago the oldest twin was told.
func (l *limited) oldest() (age time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, known := range l.twins {
		for _, p := range known {
			age = max(age, time.Since(p.at))
		}
	}
	return age
}

// A scene is a twins that runs in a bubble, and EdgeCore.
type scene struct {
	*twins
	edge *limited
	log  ktesting.Buffer
	seen *seen
}

type seen struct {
	nobody
	mu    sync.Mutex
	twins map[mapper.Key]time.Time
}

func (s *seen) TwinsReported(key mapper.Key, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.twins[key] = at
}

// newScene starts a twins that ends with the test.
func newScene(t *testing.T) *scene {
	t.Helper()
	log := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	s := &scene{edge: newLimited(t), seen: &seen{twins: map[mapper.Key]time.Time{}}}
	s.log = log.GetSink().(ktesting.Underlier).GetBuffer()
	s.twins = newTwins(s.edge, newPacer(time.Now), s.seen, log)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s
}

func nameKey(device string) mapper.Key { return mapper.Key{Namespace: "default", Name: device} }

// specOf returns a device with properties that are reported.
func specOf(device string, properties ...string) mapper.Spec {
	spec := mapper.Spec{Key: nameKey(device)}
	for _, name := range properties {
		spec.Properties = append(spec.Properties, mapper.Property{
			Point: driver.PointConfig{Name: name}, ReportToCloud: true,
		})
	}
	return spec
}

// values gives a device's properties one value.
func (s *scene) values(device string, value any, properties ...string) {
	var values []mapper.Reported
	for _, name := range properties {
		values = append(values, mapper.Reported{Property: name, Reading: driver.Reading{Value: value}})
	}
	s.ReportValues(nameKey(device), values)
}

func (s *scene) health(device string, state mapper.State) {
	s.ReportHealth(nameKey(device), mapper.Health{State: state})
}

// pass lets time go by, and everything that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestTwinsFewDevicesAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.ReportSpec(specOf("d", "a", "b"))
		s.health("d", mapper.Online)
		s.values("d", int64(1), "a", "b")
		pass(time.Millisecond)
		s.edge.wantHeard(t, "at the start", "d a=1 b=1 a=1 b=1 a=1 b=1 a=1 b=1", "d state=online")
		s.values("d", int64(1), "a", "b")
		pass(time.Second)
		s.edge.wantHeard(t, "nothing new")
		s.values("d", int64(2), "b")
		pass(time.Millisecond)
		s.edge.wantHeard(t, "one has changed", "d b=2")
		if last := s.last(nameKey("d")); len(last) != 2 || last[1].Reported.Value != "2" {
			t.Errorf("the last are %v", last)
		}
		s.health("d", mapper.Offline)
		pass(time.Millisecond)
		s.edge.wantHeard(t, "offline", "d state=offline")
		pass(30 * time.Second)
		s.edge.wantHeard(t, "what was told once", "d a=1")
		pass(66 * time.Second)
		s.edge.wantHeard(t, "the same again", "d a=1 b=2 a=1 b=2 a=1 b=2")
		if at := s.seen.twins[nameKey("d")]; time.Since(at) > 66*time.Second {
			t.Errorf("the witness saw a report at %v", at)
		}
		if log := s.log.String(); log != "" {
			t.Errorf("logged %s", log)
		}
	})
}

func TestTwinsDesired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.ReportSpec(specOf("d", "a"))
		for _, desired := range []string{"", "7", "not now", strings.Repeat(" ", 600)} {
			s.ReportValues(nameKey("d"), []mapper.Reported{{Property: "a", Reading: driver.Reading{Value: true}, Desired: desired}})
			pass(time.Millisecond)
			want, _ := formatText(desired)
			if got := s.edge.twins["d"]["a"]; got.desired != want || got.value != "true" {
				t.Errorf("%q: told %+v, want %q", desired, got, want)
			}
		}
		if got := strings.Count(s.log.String(), "\n"); got != 1 {
			t.Errorf("logged %s", s.log.String())
		}
	})
}

// What a twin cannot have is left out, and told once.
func TestTwinsLeavesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		spec := specOf("d", "a", "b", "hidden", "my name")
		spec.Properties[2].ReportToCloud = false
		for range 3 {
			s.ReportSpec(spec)
			s.values("d", make([]byte, 600), "a", "my name")
			s.values("d", int64(1), "b", "hidden")
			s.values("stranger", int64(1), "b")
			pass(time.Second)
		}
		s.edge.wantHeard(t, "at the start", "d b=1 b=1")
		want := `INFO Property has no twin device="default/d" property="my name" reason="name: want 1 to 128 letters, digits or -_.,:/@#"
INFO Property has no twin device="default/d" property="a" reason="value of 600 bytes has 800 characters in base64: want at most 512"
`
		if got := s.log.String(); got != want {
			t.Errorf("logged\n%s\nwant\n%s", got, want)
		}
		s.values("d", []byte("x"), "a")
		pass(time.Second)
		s.edge.wantHeard(t, "a value that fits", "d a=eA a=eA")
	})
}

func TestTwinsFollowsTheSpec(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.ReportSpec(specOf("d", "a", "b"))
		s.values("d", int64(1), "a", "b")
		pass(time.Second)
		s.edge.wantHeard(t, "at the start", "d a=1 b=1 a=1 b=1 a=1 b=1 a=1 b=1")
		s.ReportSpec(specOf("d", "b", "c"))
		s.values("d", int64(1), "b", "c")
		pass(time.Second)
		s.edge.wantHeard(t, "one is new", "d c=1 c=1")
		pass(5 * time.Minute)
		if got := s.edge.heard(); slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "a=") }) {
			t.Errorf("told of a property that is gone: %q", got)
		}
		s.Removed(nameKey("d"))
		s.values("d", int64(2), "b")
		pass(5 * time.Minute)
		s.edge.wantHeard(t, "removed")
		s.ReportSpec(specOf("d", "b"))
		s.values("d", int64(2), "b")
		pass(time.Second)
		s.edge.wantHeard(t, "made again", "d b=2 b=2")
	})
}

func TestTwinsStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		off, often := specOf("off"), specOf("often")
		off.StateReport.Off = true
		often.StateReport.Cycle = 20 * time.Second
		for _, spec := range []mapper.Spec{off, often, specOf("silent")} {
			s.ReportSpec(spec)
		}
		s.health("off", mapper.Unhealthy)
		s.health("often", mapper.Online)
		pass(5 * time.Second)
		s.edge.wantHeard(t, "at once", "often state=online")
		pass(10 * time.Second)
		s.edge.wantHeard(t, "of one nothing is known", "silent state=unknown")
		s.health("silent", mapper.Online)
		s.health("silent", mapper.Unhealthy)
		pass(time.Millisecond)
		s.edge.wantHeard(t, "the newest", "silent state=unhealthy")
		pass(10 * time.Minute)
		if n := s.edge.states["often"].times; n < 29 || n > 31 {
			t.Errorf("told %d times in ten minutes, want one in 20 s", n)
		}
		if n := s.edge.states["silent"].times; n != 4 {
			t.Errorf("told %d times, want unknown, unhealthy and the same twice", n)
		}
	})
}

// While EdgeCore is away nothing queues up, and then the newest is told.
func TestTwinsWhenEdgeCoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.ReportSpec(specOf("d", "a"))
		s.ReportSpec(specOf("e", "a"))
		s.health("d", mapper.Online)
		s.health("e", mapper.Online)
		set := func(broken error) {
			s.edge.mu.Lock()
			defer s.edge.mu.Unlock()
			s.edge.broken = broken
		}
		set(errors.New("connection refused"))
		for i := range 30 {
			s.values("d", int64(i), "a")
			s.values("e", int64(i), "a")
			pass(time.Second)
		}
		set(errors.New("deadline exceeded"))
		pass(30 * time.Second)
		s.health("d", mapper.Offline)
		set(nil)
		pass(90 * time.Second)
		got := slices.Compact(slices.Sorted(slices.Values(s.edge.heard())))
		if want := []string{"d a=29", "d a=29 a=29", "d state=offline", "e a=29", "e a=29 a=29", "e state=online"}; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
		log := strings.Split(strings.TrimSpace(s.log.String()), "\n")
		if len(log) != 3 || !strings.Contains(log[0], "connection refused") || !strings.Contains(log[1], "deadline exceeded") || !strings.Contains(log[2], "again") {
			t.Errorf("logged %q", log)
		}
		s.again()
		pass(90 * time.Second)
		got = slices.Compact(slices.Sorted(slices.Values(s.edge.heard())))
		if want := []string{"d a=29", "d a=29 a=29", "d state=offline", "e a=29", "e a=29 a=29", "e state=online"}; !slices.Equal(got, want) {
			t.Errorf("after its restart EdgeCore heard %q, want %q", got, want)
		}
	})
}

// Another mapper that spends EdgeCore's requests makes ours few, and no more
// than one in a quarter of a minute is refused.
func TestTwinsBesideAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		names := fleetOf(s, 20, 1)
		for i := range 600 {
			for s.edge.limiter.Allow() { // the other one takes all
			}
			s.tick(names, i, 1)
			pass(time.Second)
		}
		if s.edge.refused > 600/15 {
			t.Errorf("%d are refused in ten minutes", s.edge.refused)
		}
		pass(time.Minute)
		if n := len(s.edge.twins); n != len(names) {
			t.Errorf("a minute after it left, %d of %d devices are told", n, len(names))
		}
	})
}

// fleetOf tells a scene of n online devices.
func fleetOf(s *scene, n, properties int) (names []string) {
	for i := range n {
		name := fmt.Sprintf("d%04d", i)
		names = append(names, name)
		s.ReportSpec(specOf(name, propertyNames(properties)...))
		s.health(name, mapper.Online)
	}
	return names
}

func propertyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	return names
}

// tick gives every device new values.
func (s *scene) tick(names []string, value, properties int) {
	for _, name := range names {
		s.values(name, int64(value), propertyNames(properties)...)
	}
}

// register takes tokens as registrations do, which EdgeCore lets through.
func (s *scene) register(t *testing.T, n int) {
	t.Helper()
	for range n {
		if wait := s.pacer.take(forRegistration); wait != 0 || !s.edge.limiter.Allow() {
			t.Errorf("a registration waits for %v, or is refused", wait)
		}
	}
}

// 100 devices of ten values that change each second, and a registration every
// half minute: EdgeCore refuses nothing. It knows twins and state of each after
// the first round, in which a state follows its twins, and two minutes later no
// twin is ever older than 120 s. A state that changes is told within seconds.
func TestTwinsHundredDevices(t *testing.T) {
	t.Parallel()
	const (
		round  = 175 * time.Second // 200 reports and 6 registrations, at 0.99 a second with 35 at once
		steady = round + 2*time.Minute
		end    = steady + 10*time.Minute
	)
	changes := map[time.Duration]string{
		90 * time.Second: "d0003", 2 * time.Minute: "d0042", steady: "d0007", steady + 5*time.Minute: "d0011",
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		names := fleetOf(s, 100, 10)
		start := time.Now()
		for i := range int(end / time.Second) {
			now := time.Since(start)
			s.tick(names, i, 10)
			if i%30 == 0 {
				s.register(t, 1)
			}
			if name := changes[now]; name != "" {
				s.health(name, mapper.Offline)
			}
			pass(time.Second)
			if name := changes[now-2*time.Second]; name != "" && s.edge.states[name].value != "offline" {
				t.Errorf("at %v: EdgeCore does not know that %s is offline", now, name)
			}
			if now == round && (len(s.edge.twins) != 100 || len(s.edge.states) != 100) {
				t.Errorf("after the first round EdgeCore has twins of %d devices and states of %d", len(s.edge.twins), len(s.edge.states))
			}
			if now < steady {
				continue
			}
			if oldest := s.edge.oldest(); oldest > 120*time.Second {
				t.Fatalf("at %v: the oldest twin is %v old", now, oldest)
			}
		}
		if s.edge.refused != 0 {
			t.Errorf("%d requests are refused", s.edge.refused)
		}
		checkFollowed(t, s.edge.calls[:100])
	})
}

// checkFollowed fails if a device's twins are not followed by its state.
func checkFollowed(t *testing.T, calls []call) {
	t.Helper()
	for i := 1; i < len(calls); i += 2 {
		twins, state := calls[i-1], calls[i]
		if twins.device != state.device || state.what != "state=online" {
			t.Fatalf("after %.8s of %s EdgeCore was told %.12s of %s, want its state", twins.what, twins.device, state.what, state.device)
		}
	}
}

// A device of 3,000 long values has many turns, in which its neighbours have
// theirs, and none of its twins is told again while others never were.
func TestTwinsManyOfADevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		names := fleetOf(s, 20, 1)
		all := propertyNames(3000)
		long := strings.Repeat("x", 500)
		s.ReportSpec(specOf("large", all...))
		for i := range 240 {
			s.tick(names, i, 1)
			s.values("large", long+fmt.Sprint(i), all...)
			if pass(time.Second); len(s.edge.twins["large"]) == len(all) {
				break
			}
		}
		reports := 0
		for _, c := range s.edge.calls {
			if c.device == "large" {
				reports++
			}
		}
		if n, want := len(s.edge.twins["large"]), (len(all)+maxTwins-1)/maxTwins+1; n != len(all) || reports > want {
			t.Errorf("%d properties are told in %d reports, want %d in %d at most, one for the state", n, reports, len(all), want)
		}
		for _, name := range names {
			if age := time.Since(s.edge.twins[name]["p0"].at); age > 60*time.Second {
				t.Errorf("%s was told %v ago", name, age)
			}
		}
	})
}

// 1,000 devices: each in its turn, and states overtake.
func TestTwinsThousandDevices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		names := fleetOf(s, 1000, 1)
		const (
			bound = 1000 * 100 / 95 * time.Second // 1,000 at 0.95 a second
			// Twins and states, and every fourth turn is for twins that were told.
			round = 2000 * 4 / 3 * 100 / 95 * time.Second
			step  = 10 * time.Second
		)
		start := time.Now()
		for i := 0; time.Since(start) < round+3*bound; i++ {
			s.tick(names, i, 1)
			name := names[i*7%1000]
			if i%20 == 0 {
				s.health(name, mapper.Offline)
			}
			pass(step)
			if i%20 == 0 && s.edge.states[name].value != "offline" {
				t.Fatalf("after %v, EdgeCore does not know that %s is offline", step, name)
			}
			if oldest := s.edge.oldest(); time.Since(start) > round+bound && oldest > bound {
				t.Fatalf("after %v the oldest twin is %v old, want %v", time.Since(start), oldest, bound)
			}
		}
		if s.edge.refused != 0 || len(s.edge.twins) != 1000 || len(s.edge.states) != 1000 {
			t.Errorf("%d refused, twins of %d devices, states of %d, want 0, 1000, 1000", s.edge.refused, len(s.edge.twins), len(s.edge.states))
		}
	})
}

// Neither devices whose state flaps nor devices that are made anew over and
// over keep the others from being told.
func TestTwinsStarvesNobody(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		harm func(s *scene, i int)
	}{
		{"flapping", func(s *scene, i int) {
			for n := range 50 {
				s.health(fmt.Sprintf("d%04d", n), []mapper.State{mapper.Offline, mapper.Online}[i%2])
			}
		}},
		{"made anew", func(s *scene, i int) {
			name := fmt.Sprintf("new%d", i)
			s.ReportSpec(specOf(name, "p0"))
			s.values(name, int64(i), "p0")
			s.Removed(nameKey(fmt.Sprintf("new%d", i-2)))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t)
				names := fleetOf(s, 60, 1)
				var before map[string]told
				for i := range 1200 {
					s.tick(names, i, 1)
					test.harm(s, i)
					pass(time.Second)
					if i == 600 {
						before = maps.Clone(s.edge.states)
					}
				}
				for _, name := range names {
					if age := time.Since(s.edge.twins[name]["p0"].at); age > 5*time.Minute {
						t.Errorf("%s was told %v ago", name, age)
					}
				}
				moved := 0
				for name, state := range s.edge.states {
					if state.times > before[name].times {
						moved++
					}
				}
				if s.edge.refused != 0 || moved < 5 {
					t.Errorf("%d refused; %d states told in ten minutes", s.edge.refused, moved)
				}
			})
		})
	}
}

func BenchmarkTwinsNext(b *testing.B) {
	t := newTwins(nil, newPacer(func() time.Time { return time.Unix(1, 0) }), nobody{}, ktesting.NewLogger(b, ktesting.NewConfig()))
	t.pacer.level = 0 // nobody gets a turn
	s := &scene{twins: t}
	names := fleetOf(s, 1000, 10)
	s.tick(names, 1, 10)
	for b.Loop() {
		t.next()
	}
}

func BenchmarkTwinsReportValues(b *testing.B) {
	s := &scene{twins: newTwins(nil, newPacer(time.Now), nobody{}, ktesting.NewLogger(b, ktesting.NewConfig()))}
	names := fleetOf(s, 1, 10)
	for b.Loop() {
		s.tick(names, 1, 10)
	}
}
