package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"

	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	versionPath = "/version"
	groupsPath  = "/apis"
	openAPIPath = "/openapi/v3"
	// strangeHost is a host name that no proxy expects. No name server knows it.
	strangeHost = "inroads.invalid"
)

// explored are the paths of the API that are explored, with those of the names in
// the answer that are the same for each client and each API server.
var explored = []struct {
	path string
	keys []string
}{
	{documentedRoot, []string{keyKind, keyVersions}},
	{groupsPath, []string{keyKind}},
	{versionPath, []string{"gitVersion", "platform"}},
	{openAPIPath, []string{}},
}

// explorer is a client of the proxy.
type explorer struct {
	name string
	// get asks for a path at the proxy, and strange does under another name.
	get, strange func(ctx context.Context, path string) access.Result
}

var _ = harness.Area(catalog.PathKubectlProxy, func() {
	harness.Prove("kubectl-proxy/curl-wget-browser", func(ctx context.Context, env *harness.Env) {
		proxy := serve(ctx, env, env.Host)
		reach(ctx, env, "the root of the API", proxy, documentedRoot)
		known := map[string]map[string]json.RawMessage{}
		for _, e := range explored {
			raw, err := env.Client.Discovery().RESTClient().Get().AbsPath(e.path).DoRaw(ctx)
			env.Require(err, "reading "+e.path+" directly")
			var answer map[string]json.RawMessage
			env.Require(json.Unmarshal(raw, &answer), "reading "+e.path+" directly")
			known[e.path] = answer
		}
		for _, c := range explorers(ctx, env, proxy) {
			for _, e := range explored {
				r := env.Meet(catalog.HopLocalProxy, c.name+" at "+e.path, c.get(ctx, e.path), catalog.Reached)
				var answer map[string]json.RawMessage
				Expect(r.Into(&answer)).To(Succeed(), "what %s gets at %s", c.name, e.path)
				Expect(answer).To(HaveLen(len(known[e.path])), "the names in what %s gets at %s", c.name, e.path)
				for name := range known[e.path] {
					Expect(answer).To(HaveKey(name), "the names in what %s gets at %s", c.name, e.path)
				}
				for _, key := range e.keys {
					Expect(answer[key]).To(MatchJSON(known[e.path][key]), "%s in what %s gets at %s", key, c.name, e.path)
				}
			}
			env.Meet(catalog.HopLocalProxy, c.name+" by another host name", c.strange(ctx, documentedRoot), catalog.Forbidden)
		}
	})
})

// explorers are the clients that the page names. A wget that is not GNU's says
// otherwise what it got.
func explorers(ctx context.Context, env *harness.Env, proxy *access.KubectlProxy) []explorer {
	u, err := url.Parse(proxy.URL(""))
	env.Require(err, "reading the address of the proxy")
	strange := *u
	strange.Host = strangeHost + ":" + u.Port()
	curl := func(ctx context.Context, args ...string) access.Result {
		args = append([]string{"--silent", "--show-error", "--noproxy", "*", "--write-out", access.CurlStatus}, args...)
		return access.ReadCurl(env.Host.Exec(ctx, nil, "curl", args...))
	}
	all := []explorer{{
		"curl",
		func(ctx context.Context, path string) access.Result { return curl(ctx, u.String()+path) },
		func(ctx context.Context, path string) access.Result {
			return curl(ctx, "--resolve", fmt.Sprintf("%s:%s", strange.Host, localhostIPv4), strange.String()+path)
		},
	}}
	if _, err := exec.LookPath("wget"); err != nil {
		env.NotSeen(catalog.HopTool, "wget through kubectl proxy", err)
	} else {
		wget := func(ctx context.Context, args ...string) access.Result {
			args = append([]string{"--no-verbose", "--no-proxy", "--tries=1", "--output-document=-"}, args...)
			return access.WgetOutcome(env.Host.Exec(ctx, nil, "wget", args...))
		}
		all = append(all, explorer{
			"wget",
			func(ctx context.Context, path string) access.Result { return wget(ctx, u.String()+path) },
			func(ctx context.Context, path string) access.Result {
				return wget(ctx, "--header=Host: "+strange.Host, u.String()+path)
			},
		})
	}
	browser := env.Browser(ctx, "browser", access.BrowserOptions{Elsewhere: map[string]string{strangeHost: localhostIPv4}})
	return append(all, explorer{
		"the browser",
		func(ctx context.Context, path string) access.Result { return browser.Get(ctx, u.String()+path, "") },
		func(ctx context.Context, path string) access.Result {
			return browser.Get(ctx, strange.String()+path, "")
		},
	})
}
