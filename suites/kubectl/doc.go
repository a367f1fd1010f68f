// Package kubectl proves what the documentation says about access with kubectl
// and its stored configuration: that a kubeconfig is enough, what happens
// without a location or a credential, and what kubectl config view tells.
package kubectl
