//go:build race

package allocs

// raced tells that the race detector is on, which makes sync.Pool drop at random what it is given.
const raced = true
