package client_test

import (
	"testing"

	"github.com/tenonmcp/tenon/runtime/transporttest/every"
)

// The tests that dial a fake server run over every transport.
func TestMain(m *testing.M) { every.Main(m) }
