package image

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"datastub/hack/stack"
)

// TestImages runs the programs of both images as the manifests say.
func TestImages(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root makes containers")
	}
	context, stages, m := newContext(t), readDockerfile(t), readManifest(t)
	cloudsvc := container{root: makeRoot(t, context, stages["cloudsvc-root"]), image: stages["cloudsvc"], pod: m.pods["cloudsvc"].Spec}
	cloudsvc.volumes = map[string]string{"log": newDisk(t, *cloudsvc.pod.SecurityContext.FSGroup)}
	mapper := container{root: makeRoot(t, context, stages["mapper-root"]), image: stages["mapper"], pod: m.pods["mapper"].Spec, volumes: newNode(t)}

	t.Run("version", func(t *testing.T) {
		for target, c := range map[string]container{"cloudsvc": cloudsvc, "mapper": mapper} {
			for _, program := range programs[target] {
				if got := c.run(t, program, "--version"); !strings.Contains(got, version+" (revision "+revision[:12]) {
					t.Errorf("%s is %s, want %s, revision %s", program, got, version, revision)
				}
			}
		}
	})
	t.Run("volumes", func(t *testing.T) {
		for target, c := range map[string]container{"cloudsvc": cloudsvc, "mapper": mapper} {
			info, err := os.Stat(c.root + "/var/lib/datastub")
			if err != nil {
				t.Fatal(err)
			}
			owner := info.Sys().(*syscall.Stat_t)
			if got, want := fmt.Sprintf("%d:%d", owner.Uid, owner.Gid), c.image.last("USER"); got != want {
				t.Errorf("the volume of %s belongs to %s, want its USER %s", target, got, want)
			}
		}
	})
	t.Run("confined", func(t *testing.T) {
		if got := cloudsvc.refuse(t, "/usr/bin/cloudsvc", "--data=/etc/log"); !strings.Contains(got, "read-only file system") {
			t.Errorf("cloudsvc that is to write into its root says %q", got)
		}
		someones := filepath.Join(mapper.volumes["config"], "someones.yaml")
		if err := errors.Join(os.WriteFile(someones, nil, 0o600), os.Chown(someones, 1, 1)); err != nil {
			t.Fatal(err)
		}
		if got := mapper.refuse(t, "/usr/bin/mapper", "--check", "--config-file=/etc/datastub/someones.yaml"); !strings.Contains(got, "permission denied") {
			t.Errorf("a mapper that is to read what is not its own says %q", got)
		}
	})
	t.Run("EdgeCore", func(t *testing.T) { meet(t, mapper, m.configs["mapper"]) })
	t.Run("deliver", func(t *testing.T) { deliver(t, cloudsvc, mapper, m.configs["mapper"]) })
}

// newDisk returns a folder as a new volume is: of root, and of the pod's group, with
// a folder of the file system's own.
func newDisk(t *testing.T, group int64) string {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/lost+found", 0o700), os.Chown(dir, 0, int(group)), os.Chmod(dir, 0o775|os.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newNode returns folders as they are on an edge node: of root.
func newNode(t *testing.T) map[string]string {
	t.Helper()
	dir, volumes := t.TempDir(), map[string]string{}
	for _, name := range []string{"config", "state", "sockets", "kubeedge", "hidden", "kubeedge/ca", "kubeedge/certs", "kubeedge/config"} {
		volumes[name] = filepath.Join(dir, name)
		if err := os.Mkdir(volumes[name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return volumes
}

// meet has a mapper, with the config as it is but for ports, connect to EdgeCore,
// whose socket has the owner and the mode that EdgeCore gives it, and make those
// that EdgeCore connects to.
func meet(t *testing.T, mapper container, config *corev1.ConfigMap) {
	mapper.volumes = newNode(t)
	edgecore := listen(t, mapper.volumes["kubeedge"]+"/dmi.sock")
	text := strings.NewReplacer(":7777", ":"+stack.FreePort(t), "cloud.example:30557", "127.0.0.1:"+stack.FreePort(t)).Replace(config.Data["config.yaml"])
	if err := os.WriteFile(mapper.volumes["config"]+"/config.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mapper.start(t, "/usr/bin/mapper", mapper.pod.Containers[0].Args...)

	conn, err := edgecore.Accept()
	if err != nil {
		t.Fatalf("the mapper did not connect to EdgeCore: %v", err)
	}
	defer conn.Close()
	for _, protocol := range []string{"modbus", "virtual"} {
		conn, err := net.Dial("unix", mapper.volumes["sockets"]+"/mapper-"+protocol+".sock")
		if err != nil {
			t.Fatalf("the mapper has no socket for %s: %v", protocol, err)
		}
		_ = conn.Close()
	}
}

// listen listens as EdgeCore does.
func listen(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := errors.Join(os.Chmod(path, 0o755), l.SetDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	return l
}

// deliver has a value go from a mapper to a subscriber.
func deliver(t *testing.T, cloudsvc, mapper container, config *corev1.ConfigMap) {
	api, uplink, watch := stack.FreePort(t), stack.FreePort(t), stack.FreePort(t)
	ports := strings.NewReplacer(":8080", ":"+api, ":5557", ":"+uplink, ":7777", ":"+watch, "cloud.example:30557", "127.0.0.1:"+uplink)

	cloudsvc.start(t, "/usr/bin/cloudsvc", replaceAll(cloudsvc.pod.Containers[0].Args, ports)...)
	awaitProbes(t, cloudsvc.pod, api)

	writeConfig(t, mapper.volumes["config"], ports.Replace(config.Data["config.yaml"]), stack.VirtualDevice("pump"))
	args := mapper.pod.Containers[0].Args
	if got, want := mapper.run(t, "/usr/bin/mapper", append([]string{"--check"}, args...)...), "ok: 1 device, 2 properties\n"; got != want {
		t.Errorf("--check says %q, want %q", got, want)
	}
	mapper.start(t, "/usr/bin/mapper", args...)
	awaitProbes(t, mapper.pod, watch)

	lines := cloudsvc.start(t, "/usr/bin/datastub", "subscribe", "#", "--server", "http://127.0.0.1:"+api)
	for _, class := range []string{"fast", "slow"} {
		stack.Eventually(t, "a value of "+class, func() bool { return strings.Contains(lines.String(), "default/count/"+class+"/pump") })
	}
	if spooled, err := filepath.Glob(mapper.volumes["state"] + "/spool/*"); len(spooled) == 0 {
		t.Errorf("the spool is empty: %v", err)
	}
}

func replaceAll(texts []string, r *strings.Replacer) []string {
	replaced := make([]string, len(texts))
	for i, text := range texts {
		replaced[i] = r.Replace(text)
	}
	return replaced
}

// awaitProbes waits until a pod's probes succeed, at a port.
func awaitProbes(t *testing.T, pod corev1.PodSpec, port string) {
	t.Helper()
	for _, probe := range []*corev1.Probe{pod.Containers[0].ReadinessProbe, pod.Containers[0].LivenessProbe} {
		url := "http://127.0.0.1:" + port + probe.HTTPGet.Path
		stack.Eventually(t, url+" answers 200", func() bool {
			resp, err := http.Get(url)
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
}

// writeConfig writes a mapper's config into a folder, with devices that come from
// files in it.
func writeConfig(t *testing.T, dir, config, devices string) {
	t.Helper()
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(config), &keys); err != nil {
		t.Fatal(err)
	}
	keys["devices"] = map[string]string{"source": "folder", "folder": "/etc/datastub/devices"}
	text, err := yaml.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(dir+"/config.yaml", text, 0o600),
		os.Mkdir(dir+"/devices", 0o755),
		os.WriteFile(dir+"/devices/pump.yaml", []byte(devices), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
}
