package mapper

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"datastub/dataplane"
)

// aFolder is what devices.folder names.
const aFolder = "a folder with Device and DeviceModel files"

// validate returns everything that is wrong with the values.
func (c *Config) validate() field.ErrorList {
	var v validator
	v.name("node", c.Node)
	v.name("common.name", c.Common.Name)
	switch c.Devices.Source {
	case "folder":
		v.want("devices.folder", c.Devices.Folder, c.Devices.Folder != "", aFolder)
	case "kubeedge":
		v.fail("devices.source", c.Devices.Source, "devices from EdgeCore come in a later version: want folder")
	default:
		v.fail("devices.source", c.Devices.Source, "want folder")
	}
	d := &c.DataPlane
	v.address("dataplane.registry", d.Registry, checkHTTP)
	v.address("dataplane.uplink", d.Uplink, checkDial)
	if d.LAN != "" {
		v.address("dataplane.lan", d.LAN, checkBind)
	}
	v.want("dataplane.lanFormat", d.LANFormat, d.LANFormat == "json" || d.LANFormat == "text", "json or text")
	v.want("dataplane.batch.maxCount", int64(d.Batch.MaxCount), d.Batch.MaxCount >= 1 && d.Batch.MaxCount <= dataplane.MaxBatch,
		fmt.Sprintf("a whole number from 1 to %d", dataplane.MaxBatch))
	v.want("dataplane.batch.maxBytes", d.Batch.MaxBytes, d.Batch.MaxBytes >= 1, "a size, 1 or more")
	v.want("dataplane.batch.maxAge", d.Batch.MaxAge, d.Batch.MaxAge > 0, "a time above 0s")
	if d.Spool.Dir != "" {
		v.fail("dataplane.spool.dir", d.Spool.Dir, "spool on disk is not there yet: leave dataplane.spool.dir empty")
	}
	v.want("dataplane.spool.maxBytes", d.Spool.MaxBytes, d.Spool.MaxBytes >= 1, "a size, 1 or more")
	return append(v.errs, d.Defaults.validate(field.NewPath("dataplane", "defaults"))...)
}

// A validator collects what is wrong with values.
type validator struct{ errs field.ErrorList }

func (v *validator) fail(path string, value any, detail string) {
	v.errs = append(v.errs, field.Invalid(field.NewPath(path), value, detail))
}

func (v *validator) want(path string, value any, ok bool, want string) {
	if !ok {
		v.fail(path, value, "want "+want)
	}
}

func (v *validator) name(path, name string) {
	if err := dataplane.ValidateLevel("name", name); err != nil {
		v.fail(path, name, err.Error())
	}
}

func (v *validator) address(path, address string, check func(string) string) {
	if wrong := check(address); wrong != "" {
		v.fail(path, address, wrong)
	}
}
