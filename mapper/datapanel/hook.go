package datapanel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kubeedge/mapper-framework/pkg/common"
	"github.com/kubeedge/mapper-framework/pkg/global"
	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/driver"
	"datastub/mapper"
)

// A Hook publishes the values of one property of one device. It is safe for
// concurrent use.
type Hook struct {
	wish     *wish
	registry *registry
	link     *link
	log      klog.Logger

	mu      sync.Mutex
	detach  func() bool  // from the context
	spec    *mapper.Spec // nil: the device is not known yet
	hook    *mapper.Hook // of spec
	address string       // that the registry gave; empty: none
	reason  string       // why the last value was refused; empty: it was not
	refused uint64       // values that never came to the publisher
	closed  bool
}

var _ global.DataPanel = (*Hook)(nil)

// Asked tells whether a property's push method is the data plane: mqtt with
// an address zmq://….
func Asked(property *common.DeviceProperty) bool {
	mqtt, err := pushMethod(property)
	if err != nil {
		return false
	}
	_, ok := mapper.CutZMQ(mqtt.Address)
	return ok
}

// New returns the hook of a property that Asked for it, and opens the data
// plane if it is the first. The hook is closed when ctx, the device's, ends.
// What is wrong with the property or the environment is told by its name
// there. New waits where a data plane is just being closed, 4 s at most.
func New(ctx context.Context, property *common.DeviceProperty) (*Hook, error) {
	return newHook(ctx, property, shared, os.Getenv)
}

func newHook(ctx context.Context, property *common.DeviceProperty, r *registry, getenv func(string) string) (*Hook, error) {
	w, l, err := connect(property, r, getenv)
	if err != nil {
		return nil, fmt.Errorf("property %.64q: %w", property.PropertyName, err)
	}
	h := &Hook{wish: w, registry: r, link: l, log: klog.LoggerWithValues(klog.Background(), "property", w.property.Name)}
	h.mu.Lock() // ctx may have ended: Close waits for detach
	defer h.mu.Unlock()
	h.detach = context.AfterFunc(ctx, h.Close)
	return h, nil
}

// connect checks all that is known before the first value, and takes the link.
func connect(property *common.DeviceProperty, r *registry, getenv func(string) string) (*wish, *link, error) {
	w, err := newWish(property)
	if err != nil {
		return nil, nil, err
	}
	s, err := newSettings(w.mqtt.Address, getenv) // first, as what is no data plane's is Merge's push
	if err != nil {
		return nil, nil, err
	}
	if err := w.check(); err != nil {
		return nil, nil, err
	}
	l, err := r.take(s)
	return w, l, err
}

// InitPushMethod does nothing: New has done it.
func (h *Hook) InitPushMethod() error { return nil }

// Push publishes a value, if the property's rules let it through. A value
// that cannot be published as what it is, is lost: it is counted, and logged
// unless the last one was refused for the same reason.
func (h *Hook) Push(data *common.DataModel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := klog.LoggerWithValues(h.log, "device", data.Namespace+"/"+data.DeviceName)
	reason := ""
	if err := h.push(log, data); err != nil {
		reason = err.Error()
		h.refused++
	}
	if reason == h.reason {
		return
	}
	h.reason = reason
	if reason == "" {
		log.Info("Values are taken again", "refused", h.refused)
		return
	}
	log.Info("Value is refused: it is lost", "value", cutShort(data.Value), "reason", reason)
}

// Refused returns how many values were refused, by the hook or by the data
// plane.
func (h *Hook) Refused() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hook == nil {
		return h.refused
	}
	return h.refused + h.hook.Refused()
}

// Close ends the hook, and gives back its address and its share in the data
// plane, which goes on. Later values are refused.
func (h *Hook) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	h.detach()
	h.registry.disown(h.address, h)
	h.registry.drop(h.link)
}

func (h *Hook) push(log klog.Logger, data *common.DataModel) error {
	reading, err := h.reading(data)
	if err != nil {
		h.link.tally.Lost(h.wish.class)
		return err
	}
	if unfit := h.hook.Publish(log, []mapper.Collected{{Reading: reading}}); len(unfit) > 0 {
		return unfit[0].Reading.Err
	}
	return nil
}

// reading returns what the framework's form of a value says.
func (h *Hook) reading(data *common.DataModel) (driver.Reading, error) {
	if h.closed {
		return driver.Reading{}, errors.New("the hook is closed: the device was stopped")
	}
	if err := h.know(data); err != nil {
		return driver.Reading{}, err
	}
	value, err := parse(h.spec.Properties[0].Point.Type, data.Value)
	if err != nil {
		return driver.Reading{}, err
	}
	if data.TimeStamp <= 0 {
		return driver.Reading{}, fmt.Errorf("TimeStamp %d: want milliseconds since 1970", data.TimeStamp)
	}
	return driver.Reading{Value: value, Time: time.UnixMilli(data.TimeStamp)}, nil
}

// know learns the device from its first value, and holds later ones to it.
func (h *Hook) know(data *common.DataModel) error {
	key := mapper.Key{Namespace: data.Namespace, Name: data.DeviceName}
	if data.PropertyName != h.property() {
		return fmt.Errorf("value is of property %.64q: want %.64q: each has its own hook", data.PropertyName, h.property())
	}
	if h.spec != nil && h.spec.Key != key {
		return fmt.Errorf("value is of device %.64q: want %.64q: each has its own hook", key, h.spec.Key)
	}
	if h.spec != nil {
		return nil
	}
	spec, err := h.wish.spec(key, data.Type)
	if err != nil {
		return err
	}
	if rules := spec.Properties[0].Rules; rules.Publish {
		address := dataplane.Address(key.Namespace, rules.Topic, key.Name)
		if err := h.registry.own(address, h); err != nil {
			return err
		}
		h.address = address
	}
	h.spec, h.hook = spec, mapper.NewHook(spec, h.link, h.link.tally, time.Now)
	return nil
}

func (h *Hook) property() string { return h.wish.property.Name }

// cutShort returns the beginning of a value, for the log.
func cutShort(value string) string {
	const most = 64 // bytes
	if len(value) > most {
		return strings.ToValidUTF8(value[:most], "") + "…"
	}
	return value
}
