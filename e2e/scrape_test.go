package e2e

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape is what one process, or several together, tell at /metrics.
type scrape struct {
	text     string
	families map[string]*dto.MetricFamily
}

var metricsAt = regexp.MustCompile(`metrics"?[=:]"?(http://[0-9.:]+)`)

// metricsURL waits until a worker says where its metrics are.
func (p *process) metricsURL(tb testing.TB) string {
	tb.Helper()
	p.works(tb)
	found := metricsAt.FindStringSubmatch(p.stderr.String())
	if found == nil {
		tb.Fatalf("%s does not say where its metrics are", p.name)
	}
	return found[1]
}

// scrape reads the metrics of the process at the address.
func (c *client) scrape(tb testing.TB, base string, headers ...string) *scrape {
	tb.Helper()
	other := *c
	other.base = base
	a, err := other.try(http.MethodGet, "/metrics", nil, headers...)
	if err != nil || a.status != http.StatusOK {
		tb.Fatalf("/metrics of %s: %+v, %v", base, a, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(a.body)))
	if err != nil {
		tb.Fatalf("%v in %.2000s", err, a.body)
	}
	return &scrape{string(a.body), families}
}

// scrapeAll reads the metrics of all processes that run.
func (s *system) scrapeAll(tb testing.TB) []*scrape {
	tb.Helper()
	var all []*scrape
	for _, p := range s.apis {
		if p.running() {
			all = append(all, s.scrape(tb, p.address(tb)))
		}
	}
	for _, p := range s.workers {
		if p.running() {
			all = append(all, s.scrape(tb, p.metricsURL(tb)))
		}
	}
	return all
}

// sum adds up the series of a name whose labels are such, "a=b", over all; of a histogram their counts.
func sum(all []*scrape, name string, labels ...string) float64 {
	total := 0.0
	for _, s := range all {
		for _, m := range s.families[name].GetMetric() {
			if !has(m, labels) {
				continue
			}
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return total
}

func has(m *dto.Metric, labels []string) bool {
	for _, label := range labels {
		name, value, _ := strings.Cut(label, "=")
		if !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == name && l.GetValue() == value }) {
			return false
		}
	}
	return true
}

// labelsOf are the names of the labels that a metric has.
func labelsOf(all []*scrape, name string) map[string]bool {
	names := make(map[string]bool)
	for _, s := range all {
		for _, m := range s.families[name].GetMetric() {
			for _, l := range m.GetLabel() {
				names[l.GetName()] = true
			}
		}
	}
	return names
}

// names are the metrics of Gather's own.
func names(all []*scrape) []string {
	found := make(map[string]bool)
	for _, s := range all {
		for name := range s.families {
			if strings.HasPrefix(name, "gather_") {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
