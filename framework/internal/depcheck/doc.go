// Package depcheck holds the packages of this module to who may import whom. It
// has nothing but its test.
package depcheck
