package e2e

import "testing"

// contract is what holds in every mode.
var contract = []struct {
	name string
	test func(t *testing.T, s *system)
}{
	{"create", testCreate},
	{"read", testRead},
	{"conditional read", testConditionalRead},
	{"compression", testCompression},
	{"lines", testLines},
	{"events", testEvents},
	{"list", testList},
	{"cancel", testCancel},
	{"retry", testRetry},
	{"delete", testDelete},
	{"idempotency", testIdempotency},
	{"invalid", testInvalid},
	{"refusals", testRefusals},
	{"service", testService},
	{"examples", testExamples},
	{"outcomes", testOutcomes},
	{"order", testOrder},
	{"timing", testTiming},
	{"deadline", testDeadline},
	{"retention", testRetention},
	{"outgoing requests", testOutgoing},
	{"bodies", testBodies},
	{"silence", testSilence},
	{"demo", testDemo},
}

// TestContract runs the contract's tests in both modes, side by side on one system.
func TestContract(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			s := m.start(t)
			for _, c := range contract {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.test(t, s)
				})
			}
		})
	}
}
