// Package deploy checks what Gather is deployed with. It is a module of its own, so that
// Gather itself does not depend on what the checks need.
package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// known are the types of what Kubernetes is told, by version and kind.
var known = map[string]func() metav1.Object{
	"v1 Namespace":                       func() metav1.Object { return new(corev1.Namespace) },
	"v1 ConfigMap":                       func() metav1.Object { return new(corev1.ConfigMap) },
	"v1 Secret":                          func() metav1.Object { return new(corev1.Secret) },
	"v1 Service":                         func() metav1.Object { return new(corev1.Service) },
	"apps/v1 Deployment":                 func() metav1.Object { return new(appsv1.Deployment) },
	"apps/v1 StatefulSet":                func() metav1.Object { return new(appsv1.StatefulSet) },
	"policy/v1 PodDisruptionBudget":      func() metav1.Object { return new(policyv1.PodDisruptionBudget) },
	"networking.k8s.io/v1 NetworkPolicy": func() metav1.Object { return new(networkingv1.NetworkPolicy) },
	"keda.sh/v1alpha1 ScaledObject":      func() metav1.Object { return new(scaledObject) },
}

// decode reads documents of YAML. Fields that their types lack, in exactly this spelling, are
// errors, and so is what is there twice.
func decode(t *testing.T, name string, text []byte) (objects []metav1.Object) {
	t.Helper()
	for i, document := range bytes.Split(text, []byte("\n---\n")) {
		object, err := decodeOne(document)
		if err != nil {
			t.Errorf("%s, document %d: %v", name, i+1, err)
			continue
		}
		objects = append(objects, object)
	}
	return objects
}

func decodeOne(document []byte) (metav1.Object, error) {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	var kind metav1.TypeMeta
	if err := json.UnmarshalCaseSensitivePreserveInts(text, &kind); err != nil {
		return nil, err
	}
	fresh := known[kind.APIVersion+" "+kind.Kind]
	if fresh == nil {
		return nil, fmt.Errorf("nobody knows a %s of %s", kind.Kind, kind.APIVersion)
	}
	object := fresh()
	faults, err := json.UnmarshalStrict(text, object)
	return object, errors.Join(append(faults, err)...)
}

// files are all files for Kubernetes.
func files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("kubernetes/*.yaml")
	more, _ := filepath.Glob("kubernetes/keda/*.yaml")
	if err != nil || len(files) < 5 || len(more) < 2 {
		t.Fatalf("found %q and %q, %v", files, more, err)
	}
	return append(files, more...)
}

// TestKubernetes_Files holds each file as it stands against the types of its objects.
func TestKubernetes_Files(t *testing.T) {
	for _, file := range files(t) {
		if filepath.Base(file) == "kustomization.yaml" {
			continue // building them checks those
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decode(t, file, text)
	}
}

// cluster is what Kubernetes is told, by kind and name.
type cluster struct {
	pods       map[string]*corev1.PodTemplateSpec // by the name of their Deployment or StatefulSet
	selectors  map[string]*metav1.LabelSelector
	services   []*corev1.Service
	budgets    []*policyv1.PodDisruptionBudget
	policies   []*networkingv1.NetworkPolicy
	configMaps map[string]*corev1.ConfigMap
	secrets    map[string]*corev1.Secret
	scaled     []*scaledObject
	claims     map[string]bool // volumes, by the names that containers mount
}

// build runs kustomize over all that there is: with the component keda, and the example of a Secret.
func build(t *testing.T) *cluster {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	for _, file := range files(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file == "kubernetes/kustomization.yaml" {
			text = []byte(strings.NewReplacer("# components:", "components:", "  - api.yaml", "  - secret.example.yaml\n  - api.yaml").Replace(string(text)))
		}
		if err := disk.WriteFile("/"+file, text); err != nil {
			t.Fatal(err)
		}
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{
		pods: make(map[string]*corev1.PodTemplateSpec), selectors: make(map[string]*metav1.LabelSelector),
		configMaps: make(map[string]*corev1.ConfigMap), secrets: make(map[string]*corev1.Secret), claims: make(map[string]bool),
	}
	for _, object := range decode(t, "all of it", text) {
		c.add(t, object)
	}
	return c
}

func (c *cluster) add(t *testing.T, object metav1.Object) {
	t.Helper()
	if _, space := object.(*corev1.Namespace); !space && object.GetNamespace() != "gather" {
		t.Errorf("%s is in the namespace %q", object.GetName(), object.GetNamespace())
	}
	switch o := object.(type) {
	case *corev1.Namespace: // which all others name
	case *appsv1.Deployment:
		c.pods[o.Name], c.selectors[o.Name] = &o.Spec.Template, o.Spec.Selector
	case *appsv1.StatefulSet:
		c.pods[o.Name], c.selectors[o.Name] = &o.Spec.Template, o.Spec.Selector
		for i := range o.Spec.VolumeClaimTemplates {
			c.claims[o.Spec.VolumeClaimTemplates[i].Name] = true
		}
	case *corev1.Service:
		c.services = append(c.services, o)
	case *corev1.ConfigMap:
		c.configMaps[o.Name] = o
	case *corev1.Secret:
		c.secrets[o.Name] = o
	case *policyv1.PodDisruptionBudget:
		c.budgets = append(c.budgets, o)
	case *networkingv1.NetworkPolicy:
		c.policies = append(c.policies, o)
	case *scaledObject:
		c.scaled = append(c.scaled, o)
	default:
		t.Errorf("nothing checks a %T", o)
	}
}

// selected are the names of those whose pods a selector takes.
func (c *cluster) selected(t *testing.T, selector *metav1.LabelSelector) (names []string) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.pods)) {
		if s.Matches(labels.Set(c.pods[name].Labels)) {
			names = append(names, name)
		}
	}
	return names
}

// TestKubernetes_Parts holds the parts together: each name that one uses is that of another.
func TestKubernetes_Parts(t *testing.T) {
	c := build(t)
	if got, want := slices.Sorted(maps.Keys(c.pods)), []string{"gather-api", "gather-worker", "redis"}; !slices.Equal(got, want) {
		t.Errorf("there are pods of %q, want %q", got, want)
	}
	for name, selector := range c.selectors {
		if got := c.selected(t, selector); !slices.Equal(got, []string{name}) {
			t.Errorf("%s selects the pods of %q", name, got)
		}
	}
	for _, s := range c.services {
		names := c.selected(t, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
		if len(names) != 1 || !hasPort(c.pods[names[0]], s.Spec.Ports[0].TargetPort.StrVal) {
			t.Errorf("the service %s leads to %q of %q", s.Name, s.Spec.Ports[0].TargetPort.StrVal, names)
		}
	}
	var bounded []string
	for _, b := range c.budgets {
		bounded = append(bounded, c.selected(t, b.Spec.Selector)...)
	}
	if slices.Sort(bounded); !slices.Equal(bounded, []string{"gather-api", "gather-worker"}) {
		t.Errorf("there are disruption budgets of %q", bounded)
	}
	for _, p := range c.policies {
		if got := c.selected(t, &p.Spec.PodSelector); !slices.Equal(got, []string{"redis"}) {
			t.Errorf("the policy %s is for %q", p.Name, got)
		}
	}
	if from := c.policies[0].Spec.Ingress[0].From[0].PodSelector; !slices.Equal(c.selected(t, from), []string{"gather-api", "gather-worker"}) {
		t.Errorf("redis lets %+v in", from)
	}
}

func hasPort(pod *corev1.PodTemplateSpec, name string) bool {
	return slices.ContainsFunc(pod.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
}

// TestKubernetes_Pods holds every pod to what the cluster's rules for hardened pods want, and
// to what Gather needs.
func TestKubernetes_Pods(t *testing.T) {
	c := build(t)
	for name, pod := range c.pods {
		t.Run(name, func(t *testing.T) {
			wantRestricted(t, &pod.Spec)
			container := &pod.Spec.Containers[0]
			requests, limits := container.Resources.Requests, container.Resources.Limits
			if requests.Cpu().IsZero() || requests.Memory().IsZero() || limits.Memory().Cmp(*requests.Memory()) < 0 {
				t.Errorf("requests %v, limits %v", requests, limits)
			}
			if grace := pod.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 30 {
				t.Errorf("it gets %v seconds to end, want 30 or more", grace)
			}
			for what, probe := range map[string]*corev1.Probe{
				"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe,
			} {
				wantProbe(t, pod, what, probe)
			}
			c.wantReferences(t, container)
		})
	}
}

// wantRestricted wants what the Pod Security Standard "restricted" does, and a root that nobody writes to.
func wantRestricted(t *testing.T, spec *corev1.PodSpec) {
	t.Helper()
	pod, container := spec.SecurityContext, spec.Containers[0].SecurityContext
	if pod == nil || container == nil {
		t.Fatalf("security contexts %v, %v", pod, container)
	}
	switch {
	case pod.RunAsNonRoot == nil || !*pod.RunAsNonRoot,
		pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault,
		container.AllowPrivilegeEscalation == nil || *container.AllowPrivilegeEscalation,
		container.ReadOnlyRootFilesystem == nil || !*container.ReadOnlyRootFilesystem,
		container.Capabilities == nil || !slices.Equal(container.Capabilities.Drop, []corev1.Capability{"ALL"}),
		spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken:
		t.Errorf("the pod may do more than it must: %+v, %+v", pod, container)
	}
}

func wantProbe(t *testing.T, pod *corev1.PodTemplateSpec, what string, probe *corev1.Probe) {
	t.Helper()
	switch {
	case probe == nil:
		t.Errorf("there is no %s probe", what)
	case probe.HTTPGet != nil && (probe.HTTPGet.Path != "/healthz" || !hasPort(pod, probe.HTTPGet.Port.StrVal)),
		probe.TCPSocket != nil && !hasPort(pod, probe.TCPSocket.Port.StrVal):
		t.Errorf("the %s probe asks %+v", what, probe.ProbeHandler)
	case what == "liveness" && probe.Exec != nil:
		t.Error("the liveness probe starts a process, of which a busy pod may have no time for")
	}
}

// wantReferences wants that what the container refers to is there.
func (c *cluster) wantReferences(t *testing.T, container *corev1.Container) {
	t.Helper()
	for _, from := range container.EnvFrom {
		if ref := from.ConfigMapRef; ref != nil && c.configMaps[ref.Name] == nil {
			t.Errorf("there is no ConfigMap %s", ref.Name)
		}
		if ref := from.SecretRef; ref != nil && c.secrets[ref.Name] == nil {
			t.Errorf("there is no Secret %s", ref.Name)
		}
	}
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			continue
		}
		ref := variable.ValueFrom.SecretKeyRef
		optional := ref.Optional != nil && *ref.Optional
		if secret := c.secrets[ref.Name]; secret == nil || secret.StringData[ref.Key] == "" && !optional {
			t.Errorf("there is no %s in a Secret %s", ref.Key, ref.Name)
		}
	}
	for _, mount := range container.VolumeMounts {
		if !c.claims[mount.Name] {
			t.Errorf("there is no volume %s", mount.Name)
		}
	}
}

// TestKubernetes_Secret sees to it that the example lets nobody in who has read it.
func TestKubernetes_Secret(t *testing.T) {
	for key, value := range build(t).secrets["gather"].StringData {
		if !strings.ContainsAny(value, "<> ") {
			t.Errorf("the example's %s could be taken for a key", key)
		}
	}
}

// TestKubernetes_Scaling holds the formula against the triggers; tasks/ holds these against the queues.
func TestKubernetes_Scaling(t *testing.T) {
	c := build(t)
	if len(c.scaled) != 1 || c.pods[c.scaled[0].Spec.ScaleTargetRef.Name] == nil {
		t.Fatalf("%+v", c.scaled)
	}
	spec := &c.scaled[0].Spec
	var triggers []string
	for _, trigger := range spec.Triggers {
		triggers = append(triggers, trigger.Name)
		if trigger.Type != "redis" || trigger.Metadata["address"] != "redis.gather.svc:6379" || trigger.Metadata["listName"] == "" {
			t.Errorf("trigger %+v", trigger)
		}
	}
	used := regexp.MustCompile(`[a-z_]+`).FindAllString(spec.Advanced.ScalingModifiers.Formula, -1)
	slices.Sort(triggers)
	slices.Sort(used)
	if !slices.Equal(triggers, used) {
		t.Errorf("there are the triggers %q, and the formula uses %q", triggers, used)
	}
}
