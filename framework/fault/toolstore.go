package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// envAuthorities names the file of the authorities that programs with Go's or
// OpenSSL's TLS trust; wget with GnuTLS does not read it.
const envAuthorities = "SSL_CERT_FILE"

// machineAuthorities are where machines have theirs, in the order in which Go
// looks for them.
var machineAuthorities = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// authorityInSystemStore adds the cluster's authority to those that the programs
// of the run trust, and leaves those of the machine as they are.
var authorityInSystemStore = Fault{
	Name: "authority-in-system-store", Hop: catalog.HopTLS, Scope: Client,
	Spares: []catalog.ID{"kubectl/first-access"},
	Inject: func(_ context.Context, s *Site) error {
		own, err := clusterAuthority(s)
		if err != nil {
			return err
		}
		bundle, err := readMachineAuthorities()
		if err != nil {
			return err
		}
		path := filepath.Join(s.Dir, "authorities.pem")
		if err := os.WriteFile(path, slices.Concat(bytes.TrimRight(bundle, "\n"), []byte("\n"), own), 0o600); err != nil {
			return err
		}
		s.Env = append(s.Env, envAuthorities+"="+path)
		return nil
	},
}

func clusterAuthority(s *Site) ([]byte, error) {
	tls := s.Config.TLSClientConfig
	switch {
	case len(tls.CAData) > 0:
		return tls.CAData, nil
	case tls.CAFile != "":
		return os.ReadFile(tls.CAFile)
	}
	return nil, errors.New("looking for the cluster's authority: the kubeconfig names none")
}

// readMachineAuthorities returns the authorities that the machine trusts, in
// PEM; none where it has none.
func readMachineAuthorities() ([]byte, error) {
	files := machineAuthorities
	if own := os.Getenv(envAuthorities); own != "" {
		files = []string{own}
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err == nil {
			return raw, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("reading the machine's authorities: %w", err)
		}
	}
	return nil, nil
}
