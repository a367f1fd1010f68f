// Package balancer proves the claims about the load balancer before the API
// servers.
package balancer
