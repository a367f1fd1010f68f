// Package direct proves what the documentation says about access to the REST API
// with curl and wget that are given the location and the credentials themselves,
// and what a caller without any gets.
package direct
