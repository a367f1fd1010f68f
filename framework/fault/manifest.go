package fault

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The static pods of a control plane, each named as its manifest and as its
// program.
const (
	apiServerPod         = "kube-apiserver"
	controllerManagerPod = "kube-controller-manager"
	schedulerPod         = "kube-scheduler"
)

const (
	manifestsDir = "/etc/kubernetes/manifests"
	// keptDir is where the manifest that a fault changed is kept, as it was. It
	// is on the file system of manifestsDir, so that it goes back in one step.
	keptDir = "/etc/kubernetes"
	// keptPrefix begins the names of all that faults leave in keptDir and in the
	// folder of keys.
	keptPrefix = "inroads-"
)

// kept returns the path at which a fault keeps the manifest of a static pod.
func kept(fault, pod string) string { return keptDir + "/" + keptPrefix + fault + "." + pod + ".yaml" }

// refuseOther ends a script where a fault of another name has kept a manifest:
// keeping what that one has changed would make it last.
func refuseOther(fault string) string {
	return fmt.Sprintf(`for k in %[1]s/%[2]s*.yaml; do
	case "$k" in %[1]s/%[2]s'*.yaml' | %[1]s/%[2]s%[3]s.*) ;; *) echo "$k is of a fault that was not healed" >&2; exit 1 ;; esac
done
`, keptDir, keptPrefix, fault)
}

// end returns the script that ends a static pod at once. A kubelet lets it take
// half a minute, which an API server with watchers uses up.
func end(pod string) string {
	return fmt.Sprintf("for p in $(pidof %s); do kill -KILL $p; done\n", pod)
}

// removeManifest takes the manifest of a static pod away on every control plane,
// which ends the pod.
func removeManifest(ctx context.Context, s *Site, fault, pod string) error {
	return onEach(ctx, s, controlPlanes(s), refuseOther(fault)+fmt.Sprintf("test -e %[2]s || mv %[1]s/%[3]s.yaml %[2]s\n", manifestsDir, kept(fault, pod), pod))
}

// changeManifest has a static pod of every control plane restarted with other
// flags. What edit is given and returns are the lines of the manifest.
func changeManifest(ctx context.Context, s *Site, fault, pod string, edit func([]string) []string) error {
	keep := kept(fault, pod)
	for _, node := range controlPlanes(s) {
		was, err := s.OnNode(ctx, node, refuseOther(fault)+fmt.Sprintf(`if test ! -e %[2]s; then cp -p %[1]s/%[3]s.yaml %[2]s.new; mv %[2]s.new %[2]s; fi
cat %[2]s
`, manifestsDir, keep, pod))
		if err != nil {
			return err
		}
		is := strings.Join(edit(strings.Split(was, "\n")), "\n")
		if is == was {
			return fmt.Errorf("changing the manifest of %q on node %q: it has nothing that the fault would change", pod, node)
		}
		script := fmt.Sprintf(`cat >%[1]s.new <<'END OF MANIFEST'
%[2]s
END OF MANIFEST
systemctl stop kubelet
mv %[1]s.new %[3]s/%[4]s.yaml
%[5]ssystemctl start kubelet
`, keep, strings.TrimSuffix(is, "\n"), manifestsDir, pod, end(pod))
		_, err = s.OnNode(ctx, node, script)
		if err != nil {
			return err
		}
	}
	return nil
}

// restoreManifests puts back every manifest that the fault changed or removed.
// The kubelet is restarted for it: it makes a pod that has ended a few times wait
// for up to five minutes, and forgets how often when it restarts.
func restoreManifests(ctx context.Context, s *Site, fault string) error {
	return onEach(ctx, s, controlPlanes(s), fmt.Sprintf(`cd %[1]s
rm -f %[2]s%[3]s.*.new
for k in %[2]s%[3]s.*.yaml; do
	test -e "$k" || continue
	file=${k#%[2]s%[3]s.}
	systemctl stop kubelet
	mv "$k" "%[4]s/$file"
	for p in $(pidof "${file%%.yaml}"); do kill -KILL $p; done
done
rm -f %[5]s/%[2]s%[3]s.*
systemctl start kubelet
`, keptDir, keptPrefix, fault, manifestsDir, pkiDir))
}

// setFlag returns an edit of a manifest that gives a flag another value, or, with
// "" for value, takes it away. A flag that is not there is added.
func setFlag(flag, value string) func([]string) []string {
	return func(lines []string) []string {
		const item = "    - "
		own := func(l string) bool {
			return strings.HasPrefix(l, item+flag+"=") || l == item+flag
		}
		if value == "" {
			return slices.DeleteFunc(slices.Clone(lines), own)
		}
		line := item + flag + "=" + value
		if i := slices.IndexFunc(lines, own); i >= 0 {
			out := slices.Clone(lines)
			out[i] = line
			return out
		}
		// The first flag follows the name of the program.
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, item+"--") })
		if i < 0 {
			return lines
		}
		return slices.Insert(slices.Clone(lines), i, line)
	}
}

// staticPod is a static pod of one node.
type staticPod struct {
	// declared is the command of its manifest, nil where there is no manifest.
	declared []string
	// running is the command of its process, nil where there is none, and
	// started when that began or up to two seconds before, zero where it is not
	// known.
	running []string
	started time.Time
}

// Separators of the answer of staticPods' script: a record per pod, in it its
// name, its manifest and its command, whose own separator is NUL.
const (
	recordSeparator = "\x1e"
	unitSeparator   = "\x1f"
)

// staticPods returns the static pods of a control plane by their names.
func staticPods(ctx context.Context, s *Site, node string) (map[string]staticPod, error) {
	out, err := s.OnNode(ctx, node, fmt.Sprintf(`for pod in %[1]s; do
	printf '\036%%s\037' $pod
	cat %[2]s/$pod.yaml 2>/dev/null || true
	printf '\037'
	for p in $(pidof $pod); do cat /proc/$p/cmdline 2>/dev/null || true; done
	printf '\037'
	for p in $(pidof $pod); do age=$(ps -o etimes= -p $p) && echo $(($(date +%%s) - age)) || true; done
done
`, strings.Join([]string{apiServerPod, controllerManagerPod, schedulerPod}, " "), manifestsDir))
	if err != nil {
		return nil, err
	}
	pods := map[string]staticPod{}
	for record := range strings.SplitSeq(strings.TrimPrefix(out, recordSeparator), recordSeparator) {
		units := strings.Split(record, unitSeparator)
		if len(units) != 4 {
			return nil, fmt.Errorf("reading the static pods of node %q: %d parts of a record, not 4", node, len(units))
		}
		var pod staticPod
		if units[1] != "" {
			if pod.declared, err = command(units[1]); err != nil {
				return nil, fmt.Errorf("reading the manifest of %q on node %q: %w", units[0], node, err)
			}
		}
		if units[2] != "" {
			pod.running = strings.Split(strings.TrimSuffix(units[2], "\x00"), "\x00")
			// More than one process is one that ends and one that begins.
			if at, err := strconv.ParseInt(strings.TrimSpace(units[3]), 10, 64); err == nil {
				// Both are in whole seconds.
				pod.started = time.Unix(at-1, 0)
			}
		}
		pods[units[0]] = pod
	}
	return pods, nil
}

// command returns the command of a manifest's one container.
func command(manifest string) ([]string, error) {
	var pod corev1.Pod
	if err := yaml.Unmarshal([]byte(manifest), &pod); err != nil {
		return nil, err
	}
	if len(pod.Spec.Containers) != 1 {
		return nil, fmt.Errorf("it has %d containers, not one", len(pod.Spec.Containers))
	}
	c := pod.Spec.Containers[0]
	return slices.Concat(c.Command, c.Args), nil
}
