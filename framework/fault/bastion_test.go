package fault

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const throughProxy = "/api/v1/namespaces/n/services/s/proxy"

// redirectingBackend is a backend behind the API server's proxy, which redirects from
// /a to /b and from /out to another host.
func redirectingBackend(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case throughProxy + "/a", "/a":
		http.Redirect(w, r, strings.TrimSuffix(r.URL.Path, "a")+"b", http.StatusFound)
	case throughProxy + "/out":
		http.Redirect(w, r, "http://elsewhere.invalid/b", http.StatusFound)
	default:
		_, _ = io.WriteString(w, r.URL.Path)
	}
}

func TestRedirectsInFront(t *testing.T) {
	for _, tc := range []struct {
		name           string
		change         func(http.Handler) http.Handler
		path           string
		status         int
		location, body string
	}{
		{"followed", redirectsFollowed, throughProxy + "/a", http.StatusOK, "", throughProxy + "/b"},
		{"out of the cluster", redirectsFollowed, throughProxy + "/out", http.StatusBadGateway, "", ""},
		{"no redirect", redirectsFollowed, throughProxy + "/b", http.StatusOK, "", throughProxy + "/b"},
		{"none of a backend", redirectsFollowed, "/a", http.StatusFound, "/b", ""},
		{"bare", locationBare, throughProxy + "/a", http.StatusFound, "/b", ""},
		{"another host", locationBare, throughProxy + "/out", http.StatusFound, "http://elsewhere.invalid/b", ""},
		{"no redirect, bare", locationBare, throughProxy + "/b", http.StatusOK, "", throughProxy + "/b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			tc.change(http.HandlerFunc(redirectingBackend)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, nil))
			if w.Code != tc.status || w.Header().Get("Location") != tc.location {
				t.Errorf("got %d to %q, want %d to %q", w.Code, w.Header().Get("Location"), tc.status, tc.location)
			}
			if tc.body != "" && w.Body.String() != tc.body {
				t.Errorf("got %q, want %q", w.Body, tc.body)
			}
		})
	}
}
