package access

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/tools/clientcmd"
)

// SupportedSkew is by how many minor versions kubectl may be older or newer than
// the API server, see https://kubernetes.io/releases/version-skew-policy/.
const SupportedSkew = 1

// KubectlVersion returns the version that a kubectl says of itself ("v1.37.2").
// It asks no cluster.
func KubectlVersion(ctx context.Context, kubectl string) (string, error) {
	cmd := exec.CommandContext(ctx, kubectl, "version", "--client", "--output=json")
	// That of gcloud asks the user's cluster even so, to choose a kubectl by its
	// version, and leaves the answer in the user's home folder.
	cmd.Env = append(os.Environ(), clientcmd.RecommendedConfigPathEnvVar+"="+os.DevNull)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking %q for its version: %w", kubectl, err)
	}
	var said struct {
		Client version.Info `json:"clientVersion"`
	}
	if err := json.Unmarshal(out, &said); err != nil || said.Client.GitVersion == "" {
		return "", fmt.Errorf("asking %q for its version: it told none", kubectl)
	}
	return said.Client.GitVersion, nil
}
