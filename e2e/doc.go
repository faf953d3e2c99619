// Package e2e holds Gather to its contract from outside: it builds the binaries,
// runs them as processes against a real Redis, talks HTTP to them, and breaks
// them. It knows nothing of the product's code: what comes back is decoded into
// structs of its own.
//
// The contract's tests (contract_test.go) run in two modes, on a system each that
// they share: embedded, one process, and separate, a Redis, an API and two
// workers. Tests of faults start processes of their own.
package e2e
