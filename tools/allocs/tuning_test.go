package allocs

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTuningHasTheseNumbers: docs/tuning.md says what the hot paths allocate, and follows the bounds.
func TestTuningHasTheseNumbers(t *testing.T) {
	text, err := os.ReadFile("../../docs/tuning.md")
	require.NoError(t, err)
	for row, bound := range map[string]cost{
		"a call of a small tool": boundCallTool,
		"the same over HTTP":     boundCallOverHTTP,
		"a list":                 boundListTools,
		"a result of 1 MiB":      boundLargeResult,
	} {
		require.Contains(t, string(text), fmt.Sprintf("\n| %s | %d allocations", row, bound.allocs))
	}
}
