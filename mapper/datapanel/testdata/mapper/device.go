package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	dmi "github.com/kubeedge/api/apis/dmi/v1beta1"
	"github.com/kubeedge/mapper-framework/pkg/common"
	"github.com/kubeedge/mapper-framework/pkg/global"
	"github.com/kubeedge/mapper-framework/pkg/util/parse"
	"k8s.io/klog/v2"

	"datastub/mapper/datapanel"
)

// Devices run until they are stopped, each with a context of its own.
type Devices struct {
	model     common.DeviceModel
	instances []*common.DeviceInstance
	cancels   []context.CancelFunc
	pushing   sync.WaitGroup
}

func newDevices(model *dmi.DeviceModel) *Devices {
	return &Devices{model: parse.GetDeviceModelFromGrpc(model)}
}

// Update starts a device that EdgeCore handed over.
func (d *Devices) Update(device *dmi.Device) error {
	instance, err := parse.GetDeviceFromGrpc(device, &d.model)
	if err != nil {
		return err
	}
	d.instances = append(d.instances, instance)
	d.start(instance)
	return nil
}

// Restart stops every device and starts it again, without a pause.
func (d *Devices) Restart() {
	cancels := d.cancels
	d.cancels = nil
	for i, cancel := range cancels {
		cancel()
		d.start(d.instances[i])
	}
}

// Stop stops every device and returns when no value is pushed any more.
func (d *Devices) Stop() {
	for _, cancel := range d.cancels {
		cancel()
	}
	d.pushing.Wait()
}

func (d *Devices) start(instance *common.DeviceInstance) {
	ctx, cancel := context.WithCancel(context.Background())
	d.cancels = append(d.cancels, cancel)
	for i := range instance.Twins {
		twin := &instance.Twins[i]
		twin.Property.PProperty.DataType = strings.ToLower(twin.Property.PProperty.DataType)
		var visitor VisitorConfig
		if err := json.Unmarshal(twin.Property.Visitors, &visitor); err != nil {
			klog.Errorf("visitor of %s: %v", twin.PropertyName, err)
			continue
		}
		model := common.NewDataModel(instance.Name, twin.Property.PropertyName, instance.Namespace,
			common.WithType(twin.ObservedDesired.Metadata.Type))
		d.pushHandler(ctx, twin, &Client{signal: visitor.ConfigData.Signal}, model)
	}
}

// pushHandler is where a generated mapper chooses how a property is pushed.
func (d *Devices) pushHandler(ctx context.Context, twin *common.Twin, client *Client, model *common.DataModel) {
	var dataPanel global.DataPanel
	var err error
	switch twin.Property.PushMethod.MethodName {
	case common.PushMethodMQTT:
		if datapanel.Asked(twin.Property) {
			dataPanel, err = datapanel.New(ctx, twin.Property)
			break
		}
		err = errors.New("this mapper has no MQTT client")
	default:
		err = errors.New("unknown push method")
	}
	if err != nil {
		klog.Errorf("new data panel error: %v", err)
		return
	}
	if err := dataPanel.InitPushMethod(); err != nil {
		klog.Errorf("init publish method err: %v", err)
		return
	}
	cycle := time.Millisecond * time.Duration(twin.Property.ReportCycle)
	d.pushing.Go(func() { push(ctx, dataPanel, client, model, cycle) })
}

// push reads and pushes a value every cycle until ctx ends.
func push(ctx context.Context, panel global.DataPanel, client *Client, model *common.DataModel, cycle time.Duration) {
	ticker := time.NewTicker(cycle)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		text, err := common.ConvertToString(client.GetDeviceData())
		if err != nil {
			klog.Errorf("convert: %v", err)
			continue
		}
		model.SetValue(text)
		model.SetTimeStamp()
		panel.Push(model)
	}
}
