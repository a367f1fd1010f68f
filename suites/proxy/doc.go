// Package proxy proves what the documentation says about kubectl proxy: that it
// knows where the API server is, verifies it and authenticates to it, that it
// passes requests on, where it listens and what it answers.
package proxy
