package streamhttp_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// loadVar in the environment makes the test binary a client that makes calls, for benchmarks.
const loadVar = "STREAMHTTP_TEST_LOAD"

func TestMain(m *testing.M) {
	if where := os.Getenv(loadVar); where != "" {
		os.Exit(load(where))
	}
	goleak.VerifyTestMain(m)
}
