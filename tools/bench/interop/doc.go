// Package interop tests that Tenon and other Go SDKs for the Model Context Protocol understand each
// other: our client against their servers and their clients against ours, over standard streams of
// real processes and over Streamable HTTP. All of it is in tests.
//
// Each SDK has one server and one client here, written the way its documentation shows. The servers
// all offer the same things (contract_test.go), so that one list of features (features_test.go) is
// the test of every pair. Where a pair differs because of the other SDK, deviations_test.go says how
// and why, and tests that it still does.
package interop
