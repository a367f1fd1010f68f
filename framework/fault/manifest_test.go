package fault

import (
	"slices"
	"strings"
	"testing"
)

const manifest = `spec:
  containers:
  - command:
    - kube-apiserver
    - --secure-port=6443
    - --service-account-key-file=/etc/kubernetes/pki/sa.pub
    image: kube-apiserver
`

func TestSetFlag(t *testing.T) {
	for _, row := range []struct {
		what, flag, value string
		want              []string
	}{
		{"changed", "--secure-port", "1", []string{"kube-apiserver", "--secure-port=1", "--service-account-key-file=/etc/kubernetes/pki/sa.pub"}},
		{"taken away", "--secure-port", "", []string{"kube-apiserver", "--service-account-key-file=/etc/kubernetes/pki/sa.pub"}},
		{"added", "--v", "6", []string{"kube-apiserver", "--v=6", "--secure-port=6443", "--service-account-key-file=/etc/kubernetes/pki/sa.pub"}},
		{"not that which begins alike", "--secure", "", []string{"kube-apiserver", "--secure-port=6443", "--service-account-key-file=/etc/kubernetes/pki/sa.pub"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			got, err := command(strings.Join(setFlag(row.flag, row.value)(strings.Split(manifest, "\n")), "\n"))
			if err != nil || !slices.Equal(got, row.want) {
				t.Errorf("the command is %q, %v, want %q", got, err, row.want)
			}
		})
	}
}
