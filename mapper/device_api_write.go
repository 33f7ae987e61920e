package mapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kubeedge/mapper-framework/pkg/httpserver"

	"datastub/dataplane/rest"
	"datastub/driver"
)

// writeWait is how long a client waits for a device to hold what it wrote:
// mapper-framework's own server breaks off after 10 s.
const writeWait = 9 * time.Second

var (
	errSlowDevice = fmt.Errorf("the device has not confirmed the value within %v: it may hold it or not", writeWait)
	errRefused    = errors.New("the device refused the value")
)

// write answers POST and PUT …/devicemethod/{namespace}/{name}/{methodname}/{property}/{data}:
// the property holds the data, which is the text of a Device's desired value,
// percent-encoded. The method must be one of the Device's, and name the
// property. An empty text has no path.
func (d *deviceAPI) write(w http.ResponseWriter, r *http.Request) error {
	if err := rest.NoBody(w, r, "the value at the end of the path"); err != nil {
		return err
	}
	spec, err := d.spec(r)
	if err != nil {
		return err
	}
	method, property, data := r.PathValue("methodname"), r.PathValue("property"), r.PathValue("data")
	if err := spec.writes(method, property); err != nil {
		return err
	}
	d.logger.V(1).Info("A client writes", "device", spec.Key, "method", method, "property", property, "client", r.RemoteAddr)
	ctx, cancel := context.WithTimeout(r.Context(), writeWait)
	defer cancel()
	if err := d.devices.Write(ctx, spec.Key, property, data); err != nil {
		return writeError(property, err)
	}
	return reply(w, r, &httpserver.DeviceWriteResponse{
		BaseResponse: d.base(), Message: fmt.Sprintf("Write data %s to device %s successfully.", data, spec.Key),
	})
}

// writeByGet is write for clients of mapper-framework that know no other
// method. HEAD, which a GET's pattern takes too, writes nothing.
func (d *deviceAPI) writeByGet(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET, POST, PUT")
		return errMethodNotAllowed
	}
	return d.write(w, r)
}

// writes tells what keeps a method from writing a property.
func (s *Spec) writes(method, property string) error {
	names := make([]string, len(s.Methods))
	for i, m := range s.Methods {
		names[i] = m.Name
		if m.Name != method {
			continue
		}
		if !slices.Contains(m.Properties, property) {
			return fmt.Errorf("%w that writes %s: %s writes %s", errNoMethod, cutShort(property), method, listed(m.Properties))
		}
		return nil
	}
	return fmt.Errorf("%w: %s: the device has %s", errNoMethod, cutShort(method), listed(names))
}

// listed is a list of names as an error shows it.
func listed(names []string) string {
	const most = 10
	switch n := len(names); {
	case n == 0:
		return "none"
	case n > most:
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// writeError is what a client is told of a Fleet's error: what is wrong with
// the value, what keeps it from the device, or what the device says.
func writeError(property string, err error) error {
	if setting, says := errors.AsType[*driver.SettingError](err); says {
		return rest.Invalid(property, setting)
	}
	if errors.Is(err, driver.ErrValue) {
		return rest.Invalid(property, errors.New(oneLine(err)))
	}
	for _, known := range []error{ErrNoDevice, ErrNoProperty, ErrNotHeld, ErrBusy, driver.ErrReadOnly, driver.ErrUnreachable} {
		if errors.Is(err, known) {
			return err
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errSlowDevice
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", rest.ErrDisconnected, err)
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}
