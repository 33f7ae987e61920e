package mapper

import (
	"context"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"datastub/dataplane"
	"datastub/driver"
)

// A script is a Driver whose devices do what the test says. Settings of a
// device may hold fail=open, hang=read, hang=write, hang=close or observe=yes.
type script struct {
	mu     sync.Mutex
	open   map[string]int                    // devices that are open now, by name
	opens  map[string]int                    // how often each was opened
	answer func(point string) driver.Reading // 1.5 at this moment if nil
	broken error                             // of reads as a whole
	take   time.Duration                     // of each read
	held   map[string]any                    // what was written, by point; it is read where answer is nil
	refuse error                             // of writes
	tried  func()                            // is called at each write, if there is one
	keeps  func(any) any                     // what a point holds of a value that is written; nil: the value
	writes []any                             // that were not refused
	sizes  []int                             // points of each read
	free   chan struct{}                     // closed: what hangs hangs no more

	observed map[string]int // calls of Observe that are under way, by device
	points   []driver.Point // of the last one
	news     func(driver.Point, driver.Reading)
}

func newScript() *script {
	return &script{open: map[string]int{}, opens: map[string]int{}, held: map[string]any{}, free: make(chan struct{}), observed: map[string]int{}}
}

func (s *script) Open(name string, settings driver.Settings) (driver.Device, error) {
	if settings["fail"] == "open" {
		return nil, &driver.SettingError{Key: "fail", Value: "open", Want: "something else"}
	}
	if settings["fail"] == "panic" {
		panic("a bug")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[name]++
	s.opens[name]++
	return &scripted{script: s, name: name, hang: settings["hang"], observe: settings["observe"] == "yes"}, nil
}

// set changes the script while devices run.
func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// counts returns how many of the device are open and how often it was opened.
func (s *script) counts(key Key) (open, opens int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[key.String()], s.opens[key.String()]
}

type scripted struct {
	script *script
	name   string
	hang   any

	observe bool
}

type scriptPoint struct{ name string }

func (p *scriptPoint) String() string { return p.name }

func (d *scripted) Point(c driver.PointConfig) (driver.Point, error) {
	if c.Settings["fail"] == "point" {
		return nil, &driver.SettingError{Key: "fail", Value: "point", Want: "something else"}
	}
	return &scriptPoint{c.Name}, nil
}

func (d *scripted) Read(ctx context.Context, points []driver.Point) ([]driver.Reading, error) {
	if d.hang == "read" {
		d.script.wait()
	}
	d.script.mu.Lock()
	take, broken, answer := d.script.take, d.script.broken, d.script.answer
	d.script.sizes = append(d.script.sizes, len(points))
	d.script.mu.Unlock()
	if take > 0 {
		select {
		case <-time.After(take):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if broken != nil {
		return nil, broken
	}
	readings := make([]driver.Reading, len(points))
	for i, p := range points {
		readings[i] = driver.Reading{Value: 1.5, Time: time.Now()}
		if value := d.script.holds(d.name, p); value != nil {
			readings[i].Value = value
		}
		if answer != nil {
			readings[i] = answer(p.String())
		}
	}
	return readings, nil
}

func (d *scripted) Write(_ context.Context, p driver.Point, value any) error {
	if d.hang == "write" {
		d.script.wait()
	}
	d.script.mu.Lock()
	defer d.script.mu.Unlock()
	if d.script.tried != nil {
		d.script.tried()
	}
	if d.script.refuse != nil {
		return d.script.refuse
	}
	d.script.writes = append(d.script.writes, value)
	if d.script.keeps != nil {
		value = d.script.keeps(value)
	}
	d.script.held[d.name+"/"+p.String()] = value
	return nil
}

// Observe has the test tell, by tell, until ctx ends.
func (d *scripted) Observe(ctx context.Context, points []driver.Point, news func(driver.Point, driver.Reading)) {
	if !d.observe {
		return
	}
	d.script.set(func(s *script) {
		s.observed[d.name]++
		s.points, s.news = points, news
	})
	<-ctx.Done()
	d.script.set(func(s *script) { s.observed[d.name]-- })
}

// tell tells news of a point of the device that is observed.
func (s *script) tell(point string, value float64) {
	s.mu.Lock()
	points, news := s.points, s.news
	s.mu.Unlock()
	for _, p := range points {
		if p.String() == point {
			news(p, driver.Reading{Value: value, Time: time.Now()})
		}
	}
}

// wait hangs until what hangs is let go.
func (s *script) wait() {
	s.mu.Lock()
	free := s.free
	s.mu.Unlock()
	<-free
}

// release lets go of what hangs now.
func (s *script) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.free)
	s.free = make(chan struct{})
}

// holds returns what was written to a point, or nil.
func (s *script) holds(device string, p driver.Point) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[device+"/"+p.String()]
}

// written returns what was written so far, and forgets it.
func (s *script) written() []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	writes := s.writes
	s.writes = nil
	return writes
}

func (d *scripted) Close() error {
	if d.hang == "close" {
		d.script.wait()
	}
	d.script.mu.Lock()
	defer d.script.mu.Unlock()
	d.script.open[d.name]--
	return nil
}

// scriptSpec returns a device with the properties a and b, read every 100 ms
// and every second, and reported every second.
func scriptSpec(name string, settings driver.Settings) Spec {
	property := func(name string, cycle time.Duration) Property {
		return Property{
			Point:        driver.PointConfig{Name: name, Type: driver.Double, Settings: driver.Settings{}},
			CollectCycle: cycle, ReportCycle: time.Second, ReportToCloud: true,
			Rules: Rules{Topic: "t/" + name, Class: dataplane.RT, Publish: true},
		}
	}
	return Spec{
		Key: Key{"default", name}, Model: "m", Protocol: "Script", Settings: settings,
		Properties: []Property{property("a", 100*time.Millisecond), property("b", time.Second)},
	}
}

// A twinned is a Reporter that keeps what was reported of properties, by name.
type twinned struct {
	mu     sync.Mutex
	values map[string]any
}

func (w *twinned) ReportSpec(Spec) {}

func (w *twinned) ReportHealth(Key, Health) {}

func (w *twinned) Removed(Key) {}

func (w *twinned) ReportValues(_ Key, values []Reported) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range values {
		w.values[v.Property] = v.Reading.Value
	}
}

// get returns what was reported last.
func (w *twinned) get() map[string]any {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.values)
}

// A rig is a fleet that runs in a synctest bubble, with what it works on.
type rig struct {
	script    *script
	publisher *recorder
	status    *Status
	twins     *twinned
	fleet     *Fleet
	log       ktesting.Buffer
	stop      func() error // ends the fleet and returns what Run returned
}

// newRig starts a fleet. It must be stopped.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{script: newScript(), publisher: &recorder{}, status: &Status{}, twins: &twinned{values: map[string]any{}}}
	fleet, err := NewFleet(FleetOptions{Drivers: Drivers{"script": r.script}, Publisher: r.publisher, Reporter: Reporters{r.status, r.twins}})
	if err != nil {
		t.Fatal(err)
	}
	r.fleet = fleet
	log := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true), ktesting.Verbosity(0)))
	r.log = log.GetSink().(ktesting.Underlier).GetBuffer()
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), log))
	done := make(chan error, 1)
	go func() { done <- fleet.Run(ctx) }()
	r.stop = func() error {
		cancel()
		return <-done
	}
	return r
}

// pass lets time go by, and everything that is due happen.
func pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
	synctest.Wait()
}

// health returns a device's health.
func (r *rig) health(name string) Health {
	for _, d := range r.status.Snapshot() {
		if d.Key.Name == name {
			return d.Health
		}
	}
	return Health{}
}
