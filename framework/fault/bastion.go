package fault

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const sourceChanged = "source-translated"

// bastionFaults break what the API server's proxy is between a caller outside and
// a backend.
var bastionFaults = []Fault{
	{
		Name: sourceChanged, Hop: catalog.HopBackend, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := podRanges(ctx, s, workers(s))
			if err != nil {
				return err
			}
			var rules []string
			for _, node := range controlPlanes(s) {
				text, err := internalAddress(ctx, s, node)
				if err != nil {
					return err
				}
				from, err := netip.ParseAddr(text)
				if err != nil {
					return fmt.Errorf("reading the address of node %q: %w", node, err)
				}
				for _, r := range ranges {
					if r.Addr().Is4() == from.Is4() {
						rules = append(rules, fmt.Sprintf("%[1]s saddr %[2]s %[1]s daddr %[3]s masquerade", family(from), from, r))
					}
				}
			}
			return translate(ctx, s, sourceChanged, workers(s), leaving, rules)
		},
		Heal:   func(ctx context.Context, s *Site) error { return onEach(ctx, s, workers(s), unfilter(sourceChanged)) },
		Healed: healthy,
	},
	bindingFault("serviceaccounts-may-edit", "edit", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: accountsGroup}),
	frontFault("redirects-followed", catalog.HopBackend, false, redirectsFollowed),
	frontFault("location-bare", catalog.HopBackend, false, locationBare),
}

// redirected is a writer that keeps a redirect to itself.
type redirected struct {
	http.ResponseWriter
	location string
}

func (w *redirected) WriteHeader(status int) {
	if w.location = redirectOf(status, w.Header()); w.location == "" {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *redirected) Write(b []byte) (int, error) {
	if w.location != "" {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// redirectOf returns where a response redirects to, or "".
func redirectOf(status int, header http.Header) string {
	if status < http.StatusMultipleChoices || status >= http.StatusBadRequest {
		return ""
	}
	return header.Get("Location")
}

// redirectsFollowed follows the redirects of backends, as a proxy should not do
// for its client.
func redirectsFollowed(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !targetProxy.MatchString(r.URL.Path) {
			relay.ServeHTTP(w, r)
			return
		}
		first := &redirected{ResponseWriter: w}
		again := r.Clone(r.Context())
		relay.ServeHTTP(first, r)
		if first.location == "" {
			return
		}
		clear(w.Header())
		to, err := again.URL.Parse(first.location)
		if err != nil || to.Host != again.URL.Host {
			http.Error(w, "the redirect of the backend leads "+strconv.Quote(first.location), http.StatusBadGateway)
			return
		}
		again.URL, again.RequestURI = to, ""
		relay.ServeHTTP(w, again)
	})
}

// bareLocation is a writer that takes the path of the API server's proxy out of a
// Location.
type bareLocation struct{ http.ResponseWriter }

func (w bareLocation) WriteHeader(status int) {
	if path := redirectOf(status, w.Header()); targetProxy.MatchString(path) {
		w.Header().Set("Location", "/"+strings.TrimPrefix(path, targetProxy.FindString(path)))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w bareLocation) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func locationBare(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !targetProxy.MatchString(r.URL.Path) {
			relay.ServeHTTP(w, r)
			return
		}
		relay.ServeHTTP(bareLocation{w}, r)
	})
}
