package access

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// Unpacked is what a kubeconfig says of its current context, as curl and wget
// take it: a location, and files of mode 0600. A field may be emptied, to see
// what a client does without.
type Unpacked struct {
	// Server is the location, without a slash at its end.
	Server string
	// Authority is the file of the server's authority, or "" where the machine's
	// own decide.
	Authority string
	// Certificate and Key are the files of the client certificate, or "".
	Certificate, Key string
	// Header and Startup are the files that make curl and wget send the token,
	// which is for no argument list; "" without one.
	Header, Startup string
}

// Names of the files.
const (
	authorityFile   = "ca.crt"
	certificateFile = "client.crt"
	keyFile         = "client.key"
	headerFile      = "header"
	startupFile     = "wgetrc"
)

// Unpack writes what a client needs to a new folder of mode 0700. A credential
// that only kubectl's plugins can give is not among it; see HasCredential.
func (k Kubeconfig) Unpack(dir string) (Unpacked, error) {
	u := Unpacked{Server: strings.TrimSuffix(k.Server(), "/")}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return u, fmt.Errorf("unpacking a kubeconfig: %w", err)
	}
	token, err := k.token()
	if err != nil {
		return u, err
	}
	authorization := "Authorization: Bearer " + token.Reveal()
	for _, f := range []struct {
		name    string
		has     bool
		content []byte
		into    *string
	}{
		{authorityFile, len(k.CA()) > 0, k.CA(), &u.Authority},
		{certificateFile, len(k.ClientCertificate()) > 0, k.ClientCertificate(), &u.Certificate},
		{keyFile, len(k.user().ClientKeyData) > 0, k.user().ClientKeyData, &u.Key},
		{headerFile, token != "", []byte(authorization), &u.Header},
		{startupFile, token != "", []byte("header = " + authorization + "\n"), &u.Startup},
	} {
		if !f.has {
			continue
		}
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.content, kubeconfigMode); err != nil {
			return u, fmt.Errorf("unpacking a kubeconfig: %w", err)
		}
		*f.into = path
	}
	return u, nil
}

// Referring returns a copy whose current context has its certificates and its key
// in the files that Unpack writes, named without their folder: kubectl looks for
// them beside the kubeconfig.
func (k Kubeconfig) Referring() Kubeconfig {
	return k.change(func(k Kubeconfig) {
		if c := k.cluster(); len(c.CertificateAuthorityData) > 0 {
			c.CertificateAuthority, c.CertificateAuthorityData = authorityFile, nil
		}
		if u := k.user(); len(u.ClientCertificateData) > 0 {
			u.ClientCertificate, u.ClientCertificateData = certificateFile, nil
			u.ClientKey, u.ClientKeyData = keyFile, nil
		}
	})
}

// token returns the bearer token of the current context's user, or "".
func (k Kubeconfig) token() (probe.Secret, error) {
	user := k.user()
	if user.Token != "" || user.TokenFile == "" {
		return probe.Secret(user.Token), nil
	}
	raw, err := os.ReadFile(user.TokenFile)
	if err != nil {
		return "", fmt.Errorf("reading the token of a kubeconfig: %w", err)
	}
	return probe.Secret(strings.TrimSpace(string(raw))), nil
}

// HasCredential is whether there is a client certificate or a token.
func (u Unpacked) HasCredential() bool { return u.Certificate != "" || u.Header != "" }

// Anonymous returns a copy without the credential.
func (u Unpacked) Anonymous() Unpacked { return Unpacked{Server: u.Server, Authority: u.Authority} }

// Curl returns the arguments with which curl asks for a path of the API and says
// the status, for ReadCurl.
func (u Unpacked) Curl(path string, more ...string) []string {
	args := []string{"--silent", "--show-error", "--write-out", CurlStatus}
	if u.Authority != "" {
		args = append(args, "--cacert", u.Authority)
	}
	if u.Certificate != "" {
		args = append(args, "--cert", u.Certificate, "--key", u.Key)
	}
	if u.Header != "" {
		args = append(args, "--header", "@"+u.Header)
	}
	return append(append(args, more...), u.Server+path)
}

// Wget returns the arguments with which GNU Wget prints what it gets for a path
// of the API, refusals too, and the environment that it needs.
func (u Unpacked) Wget(path string, more ...string) (args, env []string) {
	args = []string{"--no-verbose", "--tries=1", "--content-on-error", "--output-document=-"}
	if u.Authority != "" {
		args = append(args, "--ca-certificate="+u.Authority)
	}
	if u.Certificate != "" {
		args = append(args, "--certificate="+u.Certificate, "--private-key="+u.Key)
	}
	if u.Startup != "" {
		env = []string{"WGETRC=" + u.Startup}
	}
	return append(append(args, more...), u.Server+path), env
}
