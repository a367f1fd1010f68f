package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
)

// jobFile is the manifest by which inroads runs in a cluster.
const jobFile = "../../../../fixtures/incluster/job.yaml"

// objects decodes the manifest; an unknown field is an error.
func objects(t *testing.T) (job *batchv1.Job, config *corev1.ConfigMap) {
	t.Helper()
	manifest, err := os.ReadFile(jobFile)
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest))); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%v: %s", err, document)
		}
		switch o := object.(type) {
		case *batchv1.Job:
			job = o
		case *corev1.ConfigMap:
			config = o
		}
	}
	if job == nil || config == nil {
		t.Fatal("the manifest has no Job or no ConfigMap")
	}
	return job, config
}

func TestJobRunsTheImage(t *testing.T) {
	job, config := objects(t)
	c := job.Spec.Template.Spec.Containers[0]
	if c.Image != inroadsImage || !slices.Contains(c.Args, "--client-image="+inroadsImage) {
		t.Errorf("it runs %q with %q; 'inroads image' writes %q", c.Image, c.Args, inroadsImage)
	}
	code, out, stderr := try(t, slices.Concat([]string{"run", "--dry-run", "--kubeconfig=/etc/inroads/kubeconfig", "--artifacts=/tmp/artifacts"}, c.Args)...)
	if code != ExitProven || !strings.Contains(out, "aap/dns-name") {
		t.Errorf("inroads run takes other flags: exit code %d, %s", code, stderr)
	}
	if out, err := exec.Command("bash", "-n", "-c", c.Command[2]).CombinedOutput(); err != nil {
		t.Errorf("its script is none: %v: %s", err, out)
	}
	k, err := clientcmd.Load([]byte(config.Data["kubeconfig"]))
	if err != nil {
		t.Fatal(err)
	}
	if err := clientcmd.ConfirmUsable(*k, ""); err != nil && !strings.Contains(err.Error(), "serviceaccount") {
		t.Error(err)
	}
	if user := k.AuthInfos["inroads"]; user.Token != "" || user.TokenFile == "" {
		t.Error("the kubeconfig has a token, which grows old, and no file of one")
	}
}
