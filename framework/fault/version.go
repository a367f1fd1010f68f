package fault

import (
	"context"
	"net/http"
	"regexp"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// oldVersion is older than the page, and than any kubectl that goes with today's
// API servers.
const oldVersion = "v1.20.0"

// versionTools are broken in what they say of versions.
var versionTools = []tool{{
	name: "kubectl-of-old", hop: catalog.HopTool, of: []string{"version"}, spares: []catalog.ID{"kubectl/first-access"},
	run: func(ctx context.Context, c *toolCall) (int, error) {
		first := true
		return c.filter(ctx, func(line string) string {
			// Its own version comes first, and then that of the API server.
			if first && versionField.MatchString(line) {
				first = false
				return versionField.ReplaceAllString(line, "${1}"+oldVersion+"${2}")
			}
			return line
		})
	},
}}

var versionField = regexp.MustCompile(`("gitVersion": ")[^"]*(")`)

// versionFaults are of API servers that say another version of themselves.
var versionFaults = []Fault{frontFault("apiserver-of-old", catalog.HopAPI, false, ofOld)}

func ofOld(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			relay.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"major": "1", "minor": "20", "gitVersion": "` + oldVersion + `"}`))
	})
}
