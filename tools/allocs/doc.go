// Package allocs holds, in its tests, what the hot paths may allocate: `make bench-check` measures them and says what they
// cost, and `make test` fails when one costs more.
//
// Times depend on the machine and on what else it does; how often and how much a program allocates hardly does. So times are
// measured by tools/bench, for people to compare, and allocations are held here.
package allocs
