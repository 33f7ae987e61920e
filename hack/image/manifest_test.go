package image

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	yamlstream "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"datastub/mapper"
)

// A manifest is what resource/kubernetes has, by the names of the objects.
type manifest struct {
	pods     map[string]corev1.PodTemplateSpec // of the Deployment and the DaemonSet
	configs  map[string]*corev1.ConfigMap
	claims   map[string]*corev1.PersistentVolumeClaim
	services map[string]*corev1.Service
	spaces   map[string]*corev1.Namespace
}

// readManifest reads the files that kustomization.yaml lists, which are all there
// are. It fails where one has a key that Kubernetes does not know.
func readManifest(t *testing.T) manifest {
	t.Helper()
	m := manifest{
		map[string]corev1.PodTemplateSpec{}, map[string]*corev1.ConfigMap{}, map[string]*corev1.PersistentVolumeClaim{},
		map[string]*corev1.Service{}, map[string]*corev1.Namespace{},
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), appsv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, path := range manifestFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		documents := yamlstream.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			object, _, err := decoder.Decode(document, nil, nil)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			m.add(t, object)
		}
	}
	return m
}

func (m manifest) add(t *testing.T, object runtime.Object) {
	t.Helper()
	switch o := object.(type) {
	case *corev1.Namespace:
		m.spaces[o.Name] = o
	case *corev1.ConfigMap:
		m.configs[o.Name] = o
	case *corev1.PersistentVolumeClaim:
		m.claims[o.Name] = o
	case *corev1.Service:
		m.services[o.Name] = o
	case *appsv1.Deployment:
		checkSelector(t, o.Name, o.Spec.Selector.MatchLabels, o.Spec.Template)
		m.pods[o.Name] = o.Spec.Template
	case *appsv1.DaemonSet:
		checkSelector(t, o.Name, o.Spec.Selector.MatchLabels, o.Spec.Template)
		m.pods[o.Name] = o.Spec.Template
	default:
		t.Fatalf("nothing checks a %T yet", object)
	}
}

// checkSelector fails unless labels select a pod.
func checkSelector(t *testing.T, who string, labels map[string]string, pod corev1.PodTemplateSpec) {
	t.Helper()
	for key, value := range labels {
		if pod.Labels[key] != value {
			t.Errorf("%s selects %s=%s, and its pods have %q", who, key, value, pod.Labels[key])
		}
	}
}

// manifestFiles returns the files that kustomization.yaml lists.
func manifestFiles(t *testing.T) (paths []string) {
	t.Helper()
	const dir = repository + "/resource/kubernetes/"
	data, err := os.ReadFile(dir + "kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		APIVersion, Kind string
		Resources        []string
	}
	if err := yaml.UnmarshalStrict(data, &k); err != nil {
		t.Fatal(err)
	}
	for _, name := range k.Resources {
		paths = append(paths, dir+name)
	}
	there, err := filepath.Glob(dir + "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if filepath.Base(path) != "kustomization.yaml" && !slices.Contains(paths, path) {
			t.Errorf("kustomization.yaml does not list %s", filepath.Base(path))
		}
	}
	return paths
}

// TestManifest holds together what Kubernetes would find out too late: names that
// one object has and another one means.
func TestManifest(t *testing.T) {
	t.Parallel()
	m := readManifest(t)
	if m.spaces["datastub"] == nil {
		t.Error("there is no namespace datastub")
	}
	for name, pod := range m.pods {
		for _, v := range pod.Spec.Volumes {
			if v.ConfigMap != nil && m.configs[v.ConfigMap.Name] == nil {
				t.Errorf("%s: there is no ConfigMap %s", name, v.ConfigMap.Name)
			}
			if v.PersistentVolumeClaim != nil && m.claims[v.PersistentVolumeClaim.ClaimName] == nil {
				t.Errorf("%s: there is no PersistentVolumeClaim %s", name, v.PersistentVolumeClaim.ClaimName)
			}
		}
		checkSecurity(t, name, pod.Spec)
	}
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte(m.configs["mapper"].Data["config.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mapper.LoadConfig(config); err != nil {
		t.Errorf("the mapper's config: %v", err)
	}
	for name, service := range m.services {
		checkSelector(t, "Service "+name, service.Spec.Selector, m.pods["cloudsvc"])
		for _, port := range service.Spec.Ports {
			if !slices.ContainsFunc(m.pods["cloudsvc"].Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool {
				return p.Name == port.TargetPort.String() && p.ContainerPort == port.Port
			}) {
				t.Errorf("Service %s: cloudsvc has no port %d named %s", name, port.Port, port.TargetPort.String())
			}
		}
	}
}

// checkSecurity fails unless a pod gives its programs no more than they need.
func checkSecurity(t *testing.T, name string, pod corev1.PodSpec) {
	t.Helper()
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("%s is given a token, which it does not need", name)
	}
	if p := pod.SecurityContext.SeccompProfile; p == nil || p.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: seccompProfile is %v, want RuntimeDefault", name, p)
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || s.Capabilities.Add != nil {
			t.Errorf("%s: securityContext is %v", name, s)
		}
		if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s lacks a probe or a limit of memory", name)
		}
	}
}
