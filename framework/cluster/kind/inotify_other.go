//go:build !linux

package kind

// inotifyShortage is a matter of Linux.
func inotifyShortage(int) string { return "" }
