// Package features has one example for each feature of the protocol, with server and client side by
// side. docs/features.md is its table of contents; go test runs them all.
package features
