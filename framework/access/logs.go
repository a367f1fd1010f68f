package access

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// FollowLog reads the log of the container from its beginning until enough says
// that the lines so far are, and returns them. It returns an error with the
// lines when the container or ctx ends first.
func (c Container) FollowLog(ctx context.Context, client kubernetes.Interface, enough func(lines []string) bool) ([]string, error) {
	stream, err := client.CoreV1().Pods(c.Namespace).GetLogs(c.Pod, &corev1.PodLogOptions{Container: c.Container, Follow: true}).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the log of %q in pod %q: %w", c.Container, c.Pod, err)
	}
	defer func() { _ = stream.Close() }()
	var lines []string
	scanner := bufio.NewScanner(stream)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if enough(lines) {
			return lines, nil
		}
	}
	why := scanner.Err()
	if why == nil {
		why = fmt.Errorf("the log ended")
	}
	return lines, fmt.Errorf("reading the log of %q in pod %q: %w; it says: %s", c.Container, c.Pod, why, probe.Redact(clip(strings.Join(lines, "\n"))))
}

// Log returns what the container has printed.
func (c Container) Log(ctx context.Context, client kubernetes.Interface) (string, error) {
	raw, err := client.CoreV1().Pods(c.Namespace).GetLogs(c.Pod, &corev1.PodLogOptions{Container: c.Container}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the log of %q in pod %q: %w", c.Container, c.Pod, err)
	}
	return string(raw), nil
}
