package mapper

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a driver has against settings is told once, with its place, as --check
// tells it.
func TestFolderTellsSettings(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), 10*time.Millisecond)
	w.write("model.yaml", pumpModel)
	file := `file="` + filepath.Join(w.dir, "one.yaml") + `"`
	const object = `object="Device default/one"`
	w.write("one.yaml", strings.Replace(pump("one", "A"), "{name: a}", "{name: a, visitors: {protocolName: bacnet, configData: {fail: point}}}", 1))
	w.wantLogged(1, "ERROR ", "Device file has a problem", file, object,
		`err="spec.properties[a].visitors.configData.fail: Invalid value: \"point\": want something else"`)
	w.wantLogged(1, "INFO ", "Device file has a warning", file, object,
		`warning="spec.properties[a].visitors.protocolName: \"bacnet\" is not the device's protocol: the property is read by \"modbus\""`)
	w.want(addresses{"one": "A"})
	w.write("one.yaml", pump("one", "A, fail: open"))
	w.wantLogged(1, "ERROR ", "Device file has a problem", file, object,
		`err="spec.protocol.configData.fail: Invalid value: \"open\": want something else"`)
	w.wantLogged(1, "INFO ", "Device is changed", `device="default/one"`, file)
	w.write("one.yaml", strings.Replace(pump("one", "A"), "protocolName: modbus", "protocolName: morse", 1))
	w.wantLogged(1, "ERROR ", file, object, `err="spec.protocol: protocolName \"morse\" has no driver: want one of modbus"`)
	w.write("one.yaml", pump("one", "A, fail: panic"))
	w.wantLogged(1, "ERROR ", file, object, `spec.protocol.configData: open: the driver panicked: a bug`)
	w.write("one.yaml", pump("one", "B"))
	w.want(addresses{"one": "B"})
	w.wantLogged(1, "INFO ", "Device file is right again", file)
	w.wantLogged(4, "INFO ", "Device is changed", `device="default/one"`, file)
	w.wantLogged(4, "ERROR ")
}

func TestFolderTellsChanges(t *testing.T) {
	t.Parallel()
	w := watch(t, t.TempDir(), 10*time.Millisecond)
	path := func(name string) string { return `file="` + filepath.Join(w.dir, name) + `"` }
	w.write("model.yaml", pumpModel)
	w.write("one.yaml", pump("one", "A"))
	w.want(addresses{"one": "A"})
	w.write("bad.yaml", "kind: nonsense")
	w.wantLogged(1, "ERROR ", "Device file has a problem: nothing of it is taken", path("bad.yaml"))
	w.write("one.yaml", "kind: nonsense")
	w.wantLogged(1, "ERROR ", "Device file has a problem: what it held before stays", path("one.yaml"))
	w.remove("bad.yaml")
	w.write("one.yaml", pump("one", "A"))
	w.wantLogged(1, "INFO ", "Device file is right again", path("one.yaml"))
	w.write("one.yaml", strings.Replace(pump("one", "A"), "{name: pump}", "{name: pomp}", 1))
	w.wantLogged(1, "INFO ", "Device is stopped: its file has a problem", `device="default/one"`, path("one.yaml"))
	w.write("one.yaml", pump("one", "A"))
	w.want(addresses{"one": "A"})
	w.remove("one.yaml")
	w.wantLogged(1, "INFO ", "Device is removed", `device="default/one"`)
	w.wantLogged(0, "INFO ", "right again", path("bad.yaml"))
	w.wantLogged(0, "INFO ", "Device is changed")
}
