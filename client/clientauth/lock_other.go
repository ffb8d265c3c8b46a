//go:build !windows && (!unix || solaris || aix)

package clientauth

import (
	"fmt"
	"os"
	"runtime"
)

// tryLock says that there are no locks here, rather than sharing a file without.
func tryLock(*os.File) (bool, error) {
	return false, fmt.Errorf("files cannot be locked on %s; use another store", runtime.GOOS)
}
