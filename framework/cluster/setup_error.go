package cluster

import "strings"

// MissingError says that this machine lacks something without which no cluster
// can be made, and the command that mends it. A program that meets it exits
// with code 3.
type MissingError struct {
	// Missing is what is not there, in a few words.
	Missing string
	// Remedy is the next command to type, or the next thing to do.
	Remedy string
}

func (e *MissingError) Error() string {
	return strings.TrimSuffix(e.Missing+"; "+e.Remedy, "; ")
}
