// Package kubeproxy proves that kube-proxy leads connections from every node to
// the pods of a Service, and that it does no more than that.
package kubeproxy
