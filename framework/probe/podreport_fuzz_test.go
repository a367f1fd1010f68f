package probe

import (
	"strings"
	"testing"
)

// FuzzPodReport reads what a script in a container may print, which is whatever
// the container likes.
func FuzzPodReport(f *testing.F) {
	f.Add("@file token ok\n@file ca.crt ok\n@file namespace ok\n@namespace ns\n@resolver 10.96.0.10 ns.svc.cluster.local\n"+
		"@answer name 0 200 0.001 0.002 0.005 0.006 10.96.0.1\n|{}\n@environment 10.96.0.1 443\n@answer environment 7 000 0 0 0 0.1 \n"+
		"@answer endpoint=10.0.0.1:6443 28 000 0 0 0 3 \n@answer /version 0 200 0.001 0.002 0.005 0.006 10.96.0.1\n|{}\n@complete\n",
		"@ask name\n*   Trying 10.96.0.1:443...\n* Connected to kubernetes.default.svc (10.96.0.1) port 443\ncurl: (7) Failed to connect\n")
	f.Add("@answer\n@answer name\n|\n@environment\n@file\n@resolver", "@ask \n*   Trying [::1]...")
	f.Fuzz(func(t *testing.T, stdout, stderr string) {
		r := parsePodReport(ShellResult{Stdout: stdout, Stderr: stderr})
		if r.complete && !strings.Contains(stdout, "@complete") {
			t.Error("the script is said to have come to its end")
		}
		for _, c := range append(r.connections(), r.endpoints...) {
			_, _ = c.host(), c.tlsCode()
			if c.connected() && c.silent() && !c.there && c.dial == 0 && c.exit == curlTimeout {
				t.Errorf("both connected and silent: %+v", c)
			}
		}
		w := &podWalk{walk: newWalk("", Target{}, podHops...), from: PodTarget{Name: "x"}, saw: r}
		w.ask = w.answered
		trace := w.through(t.Context(), w.mount, w.resolve, w.service, w.tls, w.authn, w.api)
		if _, broken := trace.Broken(); broken && trace.Summary() == "" {
			t.Error("a broken walk says nothing")
		}
	})
}
