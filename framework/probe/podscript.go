package probe

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// podConnectTimeout bounds resolve, dial and TLS in a container. A name server
// that is asked in vain for each search domain takes its time.
const podConnectTimeout = 3 * time.Second

// podScript is what runs in the container, for any POSIX shell. It changes
// nothing there, and needs no program but curl.
//
//go:embed pod.sh
var podScript string

// script returns what to run in the container: settings, the script, and a line
// for each request to the API.
func (t PodTarget) script() (string, error) {
	connect := cmp.Or(t.Timeout, podConnectTimeout)
	whole := connect + cmp.Or(t.Timeout, DefaultAnswerTimeout)
	var b strings.Builder
	for _, v := range []struct{ name, value string }{
		{"dir", t.Dir},
		{"url", strings.TrimSuffix(t.Server, "/")},
		{"endpoints", strings.Join(t.Endpoints, " ")},
		{"connect", seconds(connect)},
		{"whole", seconds(whole)},
	} {
		fmt.Fprintf(&b, "%s=%s\n", v.name, shellWord(v.value))
	}
	b.WriteString(podScript)
	if err := post(&b, reviewSelfPath, selfReview()); err != nil {
		return "", err
	}
	if t.Attributes != nil {
		if err := post(&b, reviewAccessPath, accessReview(t.Attributes)); err != nil {
			return "", err
		}
	}
	for _, path := range []string{versionPath, readyPath} {
		fmt.Fprintf(&b, "get %s || end\n", shellWord(path))
	}
	b.WriteString("end\n")
	return b.String(), nil
}

func post(b *strings.Builder, path string, object any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("writing the script: %w", err)
	}
	fmt.Fprintf(b, "post %s %s || end\n", shellWord(path), shellWord(string(data)))
	return nil
}

// seconds writes a duration as curl reads it.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
