package access

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTap(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	const credential = "inroads-secret-of-the-test"
	for _, tt := range []struct {
		server *httptest.Server
		tls    bool
		said   string
	}{
		{plain, false, `"GET /heard HTTP/1.1" in clear`},
		{secure, true, "a TLS handshake"},
	} {
		tap, err := StartTap(t.Context(), tt.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer tap.Stop()
		scheme, _, _ := strings.Cut(tt.server.URL, ":")
		r := Do(t.Context(), tt.server.Client(), Request{
			URL: scheme + "://" + tap.Addr + "/heard", Header: http.Header{"Authorization": {"Bearer " + credential}},
		})
		if r.Status != http.StatusNotFound {
			t.Fatalf("through the tap: %s", r)
		}
		heard := tap.Heard()
		if len(heard) != 1 {
			t.Fatalf("heard %d connections, want 1", len(heard))
		}
		h := heard[0]
		if h.TLS() != tt.tls || h.Says("/heard") == tt.tls || h.Says(credential) == tt.tls {
			t.Errorf("%s: heard %s", scheme, h)
		}
		if got := fmt.Sprintf("%v %s", h, h); got != tt.said+" "+tt.said {
			t.Errorf("it is printed as %q", got)
		}
	}
}

func TestTapBeforeNobody(t *testing.T) {
	tap, err := StartTap(t.Context(), "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if r := Do(t.Context(), PlainClient(), Request{URL: "http://" + tap.Addr}); r.Status != 0 {
		t.Errorf("got %s, want no answer", r)
	}
	tap.Stop()
	if r := Do(t.Context(), PlainClient(), Request{URL: "http://" + tap.Addr}); r.Outcome != "Refused" {
		t.Errorf("after its end: %s", r)
	}
}
