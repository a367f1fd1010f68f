package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const mitmToken = "the-token-of-a-victim"

// call makes one request to the MITM at a host of its certificate, as a client
// with the TLS configuration would.
func call(t *testing.T, m *MITM, host string, config *tls.Config) Result {
	t.Helper()
	u, err := url.Parse(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.ServerName = host
	u.Path += "/api"
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	return Do(t.Context(), client, Request{URL: u.String(), Header: http.Header{"Authorization": {"Bearer " + mitmToken}}})
}

func pool(t *testing.T, pemBytes []byte) *x509.CertPool {
	t.Helper()
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pemBytes) {
		t.Fatal("no certificate in the PEM")
	}
	return p
}

// ended waits for the handshake that a client has already turned its back on.
func ended(t *testing.T, m *MITM) (h Handshake) {
	t.Helper()
	if err := poll.Until(t.Context(), "the handshake to end", time.Millisecond, func(context.Context) error {
		hs := m.Handshakes()
		if len(hs) == 0 {
			return errors.New("none ended")
		}
		h = hs[0]
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestMITMSeesWhatClientsLetIt(t *testing.T) {
	for _, row := range []struct {
		name    string
		host    string
		trust   func(m *MITM) *tls.Config
		outcome catalog.Outcome
		seen    bool
	}{
		{"a client that does not verify", "127.0.0.1", func(*MITM) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }, catalog.Reached, true},
		{"a client that trusts another authority", "127.0.0.1", func(*MITM) *tls.Config { return &tls.Config{RootCAs: x509.NewCertPool()} }, catalog.Untrusted, false},
		{"a client that trusts the MITM's authority", "127.0.0.1", func(m *MITM) *tls.Config { return &tls.Config{RootCAs: pool(t, m.CAPEM)} }, catalog.Reached, true},
		{"a name of the real server", "api.example", func(m *MITM) *tls.Config { return &tls.Config{RootCAs: pool(t, m.CAPEM)} }, catalog.Reached, true},
		{"another name", "other.example", func(m *MITM) *tls.Config { return &tls.Config{RootCAs: pool(t, m.CAPEM)} }, catalog.Untrusted, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := StartMITM(t.Context(), MITMOptions{Names: []string{"api.example"}})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Stop()
			if r := call(t, m, row.host, row.trust(m)); r.Outcome != row.outcome {
				t.Fatalf("want %s, got %s", row.outcome, r.Summary())
			}
			h := ended(t, m)
			if h.Completed != row.seen || (h.Err == nil) != row.seen {
				t.Errorf("completed %t with error %v, want %t", h.Completed, h.Err, row.seen)
			}
			if got := len(m.Requests()) == 1 && h.Requests == 1 && h.Authorizations == 1; got != row.seen {
				t.Errorf("requests %v on handshake %+v", m.Requests(), h)
			}
			if got := len(m.Tokens()) == 1 && m.Tokens()[0].Reveal() == mitmToken; got != row.seen {
				t.Errorf("it holds the token: %t, want %t", got, row.seen)
			}
			if dump := fmt.Sprintf("%+v %+v %v", m.Handshakes(), m.Requests(), m.Tokens()); strings.Contains(dump, mitmToken) {
				t.Error("the token shows when what was seen is printed")
			}
		})
	}
}

func TestMITMWithoutAuthorization(t *testing.T) {
	m, err := StartMITM(t.Context(), MITMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Stop()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for range 2 {
		if r := Do(t.Context(), client, Request{URL: m.URL + "/version"}); r.Outcome != catalog.Reached {
			t.Fatal(r.Summary())
		}
	}
	if hs := m.Handshakes(); len(hs) != 1 || hs[0].Requests != 2 || hs[0].Authorizations != 0 {
		t.Errorf("handshakes %+v, want one with two requests", hs)
	}
	if len(m.Tokens()) != 0 {
		t.Error("it holds a token that nobody sent")
	}
}

func TestMITMRelays(t *testing.T) {
	var got string
	upstream := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		fmt.Fprint(w, r.URL.Path)
	}))
	defer upstream.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: upstream.Certificate().Raw})
	_, foreign, err := mitmCertificate([]string{"foreign.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		prefix  string
		ca      []byte
		outcome catalog.Outcome
		body    string
		sent    string
	}{
		{"to the real server", "", ca, catalog.Reached, "/api", "Bearer " + mitmToken},
		{"to one with a path of its own", "/clusters/one/", ca, catalog.Reached, "/clusters/one/api", "Bearer " + mitmToken},
		{"not to one that it cannot verify", "", foreign, catalog.ServerError, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got = ""
			m, err := StartMITM(t.Context(), MITMOptions{Upstream: &rest.Config{
				Host: upstream.URL + row.prefix, BearerToken: "of-the-harness", TLSClientConfig: rest.TLSClientConfig{CAData: row.ca},
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Stop()
			r := call(t, m, "127.0.0.1", &tls.Config{InsecureSkipVerify: true})
			if r.Outcome != row.outcome || (row.body != "" && r.Stdout != row.body) {
				t.Errorf("want %s with %q, got %s", row.outcome, row.body, r.Summary())
			}
			if got != row.sent {
				t.Error("the real server was sent another Authorization than the client's own")
			}
		})
	}
}

func TestMITMStops(t *testing.T) {
	m, err := StartMITM(t.Context(), MITMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.Stop()
	m.Stop()
	if r := call(t, m, "127.0.0.1", &tls.Config{InsecureSkipVerify: true}); r.Outcome != catalog.Refused {
		t.Errorf("want Refused after Stop, got %s", r.Summary())
	}
}
