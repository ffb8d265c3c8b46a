// Package limits has the test that docs/limits.md and the code agree.
package limits
