// Package browser proves that a browser reaches the API by itself, with a real
// one: given the location and a token, and with the cluster's authority imported,
// which is what keeps a man in the middle out.
package browser
