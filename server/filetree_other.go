//go:build !unix

package server

// openWithoutWaiting is nothing where there are no named pipes among files.
const openWithoutWaiting = 0
