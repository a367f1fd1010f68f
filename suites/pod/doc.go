// Package pod proves that a container finds the API server, verifies it and
// authenticates to it with what the cluster puts into its pod.
package pod
