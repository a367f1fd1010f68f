package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	clientauthv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	clientauthv1beta1 "k8s.io/client-go/pkg/apis/clientauthentication/v1beta1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	// pluginTimeout bounds a credential plugin, which may ask a cloud.
	pluginTimeout = 10 * time.Second
	// pluginGrace is what a killed plugin's children get to let go of its
	// output.
	pluginGrace = 100 * time.Millisecond
	// pluginInput is the variable that a plugin reads its request from.
	pluginInput = "KUBERNETES_EXEC_INFO"
)

// runPlugin runs the credential plugin and puts what it gives into the
// configuration. client-go would run it without a bound, and with its errors
// on this program's standard error; the protocol is the same. The plugin is
// never asked to prompt.
func (e *entry) runPlugin(ctx context.Context, plugin *clientcmdapi.ExecConfig, limit time.Duration) *finding {
	input, err := e.pluginRequest(plugin)
	if err != nil {
		return e.finding(ConfigPlugin, firstLine(err), err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, plugin.Command, plugin.Args...)
	cmd.Env = os.Environ()
	for _, v := range plugin.Env {
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	cmd.Env = append(cmd.Env, pluginInput+"="+string(input))
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, pluginGrace
	err = cmd.Run()
	switch {
	case err == nil:
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return e.finding(ConfigNoPlugin, fmt.Sprintf("%q is not installed", plugin.Command), err)
	case ctx.Err() != nil:
		return e.finding(ConfigPlugin, fmt.Sprintf("%q did not end in %s", plugin.Command, limit), ctx.Err())
	default:
		saw := fmt.Sprintf("%q: %s", plugin.Command, firstLine(err))
		if text := oneLine(stderr.String()); text != "" {
			saw += ": " + text
		}
		return e.finding(ConfigPlugin, saw, fmt.Errorf("running credential plugin %q: %w: %s", plugin.Command, err, oneLine(stderr.String())))
	}
	if err := e.takeCredential(plugin, stdout.Bytes()); err != nil {
		return e.finding(ConfigPlugin, fmt.Sprintf("%q: %s", plugin.Command, err), err)
	}
	return nil
}

// pluginCredential is the ExecCredential of either version: their fields have
// the same names.
type pluginCredential struct {
	APIVersion string                             `json:"apiVersion"`
	Kind       string                             `json:"kind"`
	Spec       pluginSpec                         `json:"spec"`
	Status     *clientauthv1.ExecCredentialStatus `json:"status,omitempty"`
}

type pluginSpec struct {
	Cluster     *clientauthv1.Cluster `json:"cluster,omitempty"`
	Interactive bool                  `json:"interactive"`
}

func (e *entry) pluginRequest(plugin *clientcmdapi.ExecConfig) ([]byte, error) {
	switch plugin.APIVersion {
	case clientauthv1.SchemeGroupVersion.String(), clientauthv1beta1.SchemeGroupVersion.String():
	default:
		return nil, fmt.Errorf("apiVersion %q of the plugin is not known", plugin.APIVersion)
	}
	request := pluginCredential{APIVersion: plugin.APIVersion, Kind: "ExecCredential"}
	if plugin.ProvideClusterInfo {
		internal, err := rest.ConfigToExecCluster(e.config)
		if err != nil {
			return nil, fmt.Errorf("describing the cluster to the plugin: %w", err)
		}
		cluster := &clientauthv1.Cluster{}
		if err := clientauthv1.Convert_clientauthentication_Cluster_To_v1_Cluster(internal, cluster, nil); err != nil {
			return nil, fmt.Errorf("describing the cluster to the plugin: %w", err)
		}
		request.Spec.Cluster = cluster
	}
	return json.Marshal(request)
}

func (e *entry) takeCredential(plugin *clientcmdapi.ExecConfig, output []byte) error {
	var answer pluginCredential
	if err := json.Unmarshal(output, &answer); err != nil {
		return errors.New("its output is not an ExecCredential")
	}
	status := answer.Status
	switch {
	case answer.Kind != "ExecCredential" || answer.APIVersion != plugin.APIVersion:
		return fmt.Errorf("it gave a %s of %q and not an ExecCredential of %q", answer.Kind, answer.APIVersion, plugin.APIVersion)
	case status == nil || status.Token == "" && status.ClientCertificateData == "" && status.ClientKeyData == "":
		return errors.New("it gave neither a token nor a certificate")
	case (status.ClientCertificateData == "") != (status.ClientKeyData == ""):
		return errors.New("it gave a certificate without a key, or a key without a certificate")
	}
	e.secrets = append(e.secrets, Secret(status.Token), Secret(status.ClientKeyData))
	e.config.BearerToken = status.Token
	if status.ClientCertificateData != "" {
		e.config.CertData, e.config.KeyData = []byte(status.ClientCertificateData), []byte(status.ClientKeyData)
	}
	return nil
}
