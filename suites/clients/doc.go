// Package clients proves what the documentation says about client libraries, each
// of which is given kubectl's kubeconfig.
package clients
