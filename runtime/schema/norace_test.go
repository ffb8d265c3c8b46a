//go:build !race

package schema_test

// raced tells that the race detector is on, which makes sync.Pool drop at random what it is given.
const raced = false
