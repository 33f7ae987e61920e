package mapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kubeedge/mapper-framework/pkg/common"
	"github.com/kubeedge/mapper-framework/pkg/httpserver"
	"k8s.io/klog/v2"

	"datastub/dataplane/rest"
)

// What the device API decides, beside what a Fleet does.
var (
	errNoMethod   = errors.New("no such method")
	errNoModel    = errors.New("the device's model has not arrived")
	errNoValue    = errors.New("the property has no value")
	errNoDatabase = errors.New("the mapper keeps no values: a webhook of cloudsvc (POST /subscribe?topic=…&callback=…) brings them to a program that writes them into a database")
)

// devices is what the device API works on: a Fleet.
type devices interface {
	// Spec returns a device as it is wanted now. It is not ok if there is none.
	Spec(key Key) (spec Spec, ok bool)
	// Newest returns what was read of a property last, without a read.
	Newest(key Key, property string) (Newest, error)
	// Write has a device hold a value that a text means, and returns when the
	// device was read to hold it.
	Write(ctx context.Context, key Key, property, text string) error
}

var _ devices = (*Fleet)(nil)

// A deviceAPI is mapper-framework's REST API: its paths and answers, so that
// its clients need no change. What differs: values are those that were read
// last, as a device is not read once more for each who asks; bytes are base64,
// as in a Device's desired value; writes are POST or PUT; errors are problem
// details and have statuses of their own.
type deviceAPI struct {
	devices   devices
	access    access
	getWrites bool
	now       func() time.Time
	logger    klog.Logger
}

func newDeviceAPI(devices devices, config DeviceAPI, logger klog.Logger) *deviceAPI {
	return &deviceAPI{
		devices: devices, access: access{remote: config.Remote}, getWrites: config.GetWrites, now: time.Now, logger: logger,
	}
}

// operations returns the API's. Writes by GET, as mapper-framework has them,
// are among them where the config says so.
func (d *deviceAPI) operations() []operation {
	const want = "a GET writes with deviceAPI.getWrites: true in config.yaml only"
	all := []operation{
		{method: http.MethodGet, pattern: httpserver.APIPing, handle: d.ping},
		{method: http.MethodGet, pattern: httpserver.APIDeviceReadRoute, handle: d.read},
		{method: http.MethodGet, pattern: httpserver.APIGetDeviceMethodRoute, handle: d.methods},
		{method: http.MethodPost, pattern: httpserver.APIDeviceWriteRoute, handle: d.write, otherwise: want},
		{method: http.MethodPut, pattern: httpserver.APIDeviceWriteRoute, handle: d.write},
		{method: http.MethodGet, pattern: httpserver.APIMetaGetModelRoute, handle: d.model},
		{method: http.MethodGet, pattern: httpserver.APIDataBaseGetDataByID, handle: d.database},
	}
	if d.getWrites {
		all = append(all, operation{method: http.MethodGet, pattern: httpserver.APIDeviceWriteRoute, handle: d.writeByGet})
	}
	for i := range all {
		all[i].handle = d.access.guard(all[i].handle)
	}
	return all
}

// ping answers GET /api/v1/ping.
func (d *deviceAPI) ping(w http.ResponseWriter, r *http.Request) error {
	return reply(w, r, &httpserver.PingResponse{
		BaseResponse: d.base(), Message: fmt.Sprintf("This is %s API, the server is running normally.", httpserver.APIVersion),
	})
}

// readReply is httpserver.DeviceReadResponse, and says what is wrong with a
// value that is not to be trusted.
type readReply struct {
	*httpserver.BaseResponse
	Data readData
}

type readData struct {
	*common.DataModel
	Quality string `json:",omitempty"` // empty: good
}

// read answers GET …/device/{namespace}/{name}/{property}: the value that was
// read last and when. A property whose last read failed has none.
func (d *deviceAPI) read(w http.ResponseWriter, r *http.Request) error {
	key, property := keyOf(r), r.PathValue("property")
	newest, err := d.devices.Newest(key, property)
	if err != nil {
		return err
	}
	if newest.Err != nil {
		return fmt.Errorf("%w: %s", errNoValue, newest.Missing())
	}
	reading := newest.Reading
	data := common.NewDataModel(key.Name, property, key.Namespace,
		common.WithValue(FormatValue(reading.Value)), common.WithType(string(newest.Type)), common.WithTimeStamp(reading.Time.UnixMilli()))
	return reply(w, r, &readReply{d.base(), readData{data, reading.Suspect}})
}

// methods answers GET …/devicemethod/{namespace}/{name}: what may be written,
// and how.
func (d *deviceAPI) methods(w http.ResponseWriter, r *http.Request) error {
	spec, err := d.spec(r)
	if err != nil {
		return err
	}
	all := &common.DataMethod{Methods: []common.Method{}}
	for _, m := range spec.Methods {
		method := common.Method{
			Name:       m.Name,
			Path:       strings.Join([]string{httpserver.APIDeviceMethodRoute, spec.Key.Namespace, spec.Key.Name, url.PathEscape(m.Name), "{propertyName}", "{data}"}, "/"),
			Parameters: []common.Parameter{},
		}
		for _, p := range spec.Properties { // what is wrong is none of them, and cannot be written
			if slices.Contains(m.Properties, p.Point.Name) {
				method.Parameters = append(method.Parameters, common.Parameter{PropertyName: p.Point.Name, ValueType: string(p.Point.Type)})
			}
		}
		all.Methods = append(all.Methods, method)
	}
	return reply(w, r, &httpserver.DeviceMethodReadResponse{BaseResponse: d.base(), Data: all})
}

// model answers GET …/meta/model/{namespace}/{name}: the model of a device, as
// it is declared.
func (d *deviceAPI) model(w http.ResponseWriter, r *http.Request) error {
	spec, err := d.spec(r)
	if err != nil {
		return err
	}
	if spec.Declared == nil {
		return fmt.Errorf("%w: %s", errNoModel, cutShort(spec.Model))
	}
	key := Key{spec.Key.Namespace, spec.Model}
	model := &common.DeviceModel{ID: key.String(), Name: key.Name, Namespace: key.Namespace}
	for _, p := range spec.Declared {
		model.Properties = append(model.Properties, common.ModelProperty{
			Name: p.Name, Description: p.Description, DataType: string(p.Type), AccessMode: string(p.AccessMode),
			Minimum: p.Minimum, Maximum: p.Maximum, Unit: p.Unit,
		})
	}
	return reply(w, r, &httpserver.MetaGetModelResponse{BaseResponse: d.base(), DeviceModel: model})
}

// database answers GET …/database/{namespace}/{name}, where mapper-framework
// has nothing either.
func (d *deviceAPI) database(http.ResponseWriter, *http.Request) error { return errNoDatabase }

// spec returns the device that a path names.
func (d *deviceAPI) spec(r *http.Request) (Spec, error) {
	key := keyOf(r)
	spec, ok := d.devices.Spec(key)
	if !ok {
		return Spec{}, fmt.Errorf("%w: %s", ErrNoDevice, key)
	}
	return spec, nil
}

func keyOf(r *http.Request) Key { return Key{r.PathValue("namespace"), r.PathValue("name")} }

// base is what each answer begins with.
func (d *deviceAPI) base() *httpserver.BaseResponse {
	return &httpserver.BaseResponse{
		APIVersion: httpserver.APIVersion, StatusCode: http.StatusOK, TimeStamp: d.now().Format(time.RFC3339),
	}
}

// reply answers, and gives back what a client knows its request by.
func reply(w http.ResponseWriter, r *http.Request, answer any) error {
	if id := r.Header.Get(httpserver.CorrelationHeader); id != "" {
		w.Header().Set(httpserver.CorrelationHeader, id)
	}
	return rest.WriteJSON(w, http.StatusOK, answer)
}
