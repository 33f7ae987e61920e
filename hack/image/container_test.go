package image

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"datastub/hack/process"
	"datastub/hack/stack"
)

// A container runs programs as a pod's only container would, but for seccomp,
// limits and the network, which is the machine's.
type container struct {
	root    string            // its root file system
	image   stage             // of the Dockerfile
	pod     corev1.PodSpec    // what it may do
	volumes map[string]string // folders of this machine, by the pod's volumes
}

// enter is a shell script that goes into a container of its own mounts and becomes
// what it is given: $root is where it is, $mounts are lines "folder path mode",
// $mode is the root's, $user is uid:gid, and $groups further ones.
const enter = `set -eu
mount --bind "$root" "$root"
mount --bind /proc "$root/proc"
while read -r folder path mode_of; do
  mount --bind "$folder" "$root$path"
  mount -o "remount,bind,$mode_of" "$root$path"
done <<END
$mounts
END
mount -o "remount,bind,$mode" "$root"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin NODE_NAME=edge-1 $env \
  setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  chroot --userspec="$user" --groups="$groups" "$root" "$@"`

// command returns the line that runs a program in the container. What chroot needs
// of root's power to become the user is all that there is of it, and gives no
// access to a file.
func (c container) command(t *testing.T, program string, args ...string) []string {
	t.Helper()
	of := c.pod.Containers[0]
	mounts := slices.Clone(of.VolumeMounts)
	slices.SortFunc(mounts, func(a, b corev1.VolumeMount) int { return cmp.Compare(a.MountPath, b.MountPath) })
	lines := make([]string, len(mounts))
	for i, m := range mounts {
		folder := c.volumes[m.Name]
		if folder == "" {
			t.Fatalf("the test gives no volume %s", m.Name)
		}
		lines[i] = folder + " " + m.MountPath + " " + mode(m.ReadOnly)
	}
	for _, path := range append([]string{"/proc"}, paths(mounts)...) { // a container runtime makes these too
		if err := os.MkdirAll(filepath.Join(c.root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	user, groups := c.user()
	return slices.Concat([]string{
		"env", "root=" + c.root, "mounts=" + strings.Join(lines, "\n"), "user=" + user, "groups=" + groups,
		"mode=" + mode(*of.SecurityContext.ReadOnlyRootFilesystem), "env=" + strings.Join(c.image.all("ENV"), " "),
		"unshare", "--mount", "--propagation", "private", "sh", "-c", enter, "sh", program,
	}, args)
}

func mode(readOnly bool) string {
	if readOnly {
		return "ro"
	}
	return "rw"
}

// paths returns where in the root file system there are mounts.
func paths(mounts []corev1.VolumeMount) (paths []string) {
	for _, m := range mounts {
		paths = append(paths, m.MountPath)
	}
	return paths
}

// user returns whom the container runs as: uid:gid, and further groups.
func (c container) user() (user, groups string) {
	pod, of := c.pod.SecurityContext, c.pod.Containers[0].SecurityContext
	uid, gid := cmp.Or(of.RunAsUser, pod.RunAsUser), cmp.Or(of.RunAsGroup, pod.RunAsGroup)
	if pod.FSGroup != nil {
		groups = fmt.Sprint(*pod.FSGroup)
	}
	return fmt.Sprintf("%d:%d", *uid, *gid), groups
}

// run runs a program to its end and returns what it said.
func (c container) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	line := c.command(t, program, args...)
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// refuse runs a program that is to fail, and returns what it said.
func (c container) refuse(t *testing.T, program string, args ...string) string {
	t.Helper()
	line := c.command(t, program, args...)
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err == nil {
		t.Errorf("%s %q succeeded", program, args)
	}
	return string(out)
}

// start starts a program that ends, well, with the test.
func (c container) start(t *testing.T, program string, args ...string) *stack.Log {
	t.Helper()
	line, log := c.command(t, program, args...), &stack.Log{}
	p, err := process.Start(process.Options{Command: line[0], Args: line[1:], Stdout: log, Stderr: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		grace := time.Duration(*c.pod.TerminationGracePeriodSeconds) * time.Second
		if err := p.Stop(grace); err != nil {
			t.Errorf("%s: %v", program, err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", program, log)
		}
	})
	return log
}
