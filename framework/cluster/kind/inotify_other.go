//go:build !linux

package kind

// inotifyShortage is a matter of Linux.
func inotifyShortage(int) string { return "" }

func inotifyFree() (int, bool) { return 0, false }

func availableMemory() (uint64, bool) { return 0, false }
