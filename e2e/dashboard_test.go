package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

const (
	dashboardFile = "../deploy/grafana/gather.json"
	rulesFile     = "../deploy/prometheus/rules.yml"
)

// query is a PromQL expression, and where it stands.
type query struct{ where, expr string }

// dashboardQueries are those of all panels.
func dashboardQueries(t *testing.T) []query {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var queries []query
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*").Replace(target.Expr)
			queries = append(queries, query{"panel " + p.Title, expr})
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !strings.Contains(expr, label[1]) && label[1] != "instance" {
					t.Errorf("panel %q is labelled by %s, which its query %s does not keep", p.Title, label[1], expr)
				}
			}
		}
	}
	return queries
}

// rule is one of Prometheus' rules.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name, Interval string
			Rules          []rule
		}
	}
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// exported is what the binaries export, and rules make of it.
type exported struct {
	all      []*scrape
	recorded map[string]bool
	used     map[string]bool // metrics that some query asks for
}

// targetLabels are those that Prometheus gives to whatever it scrapes.
var targetLabels = map[string]bool{"job": true, "instance": true}

// check holds a query against what there is.
func (e *exported) check(t *testing.T, q query) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
	if err != nil {
		t.Errorf("%s: %s: %v", q.where, q.expr, err)
		return
	}
	labels := make(map[string]bool)
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			e.checkSelector(t, q, selector, labels)
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.AggregateExpr:
			for _, label := range node.Grouping {
				if !labels[label] {
					t.Errorf("%s groups by %s, which no metric in it has: %s", q.where, label, q.expr)
				}
			}
		case *parser.Call:
			e.checkCall(t, q, node)
		}
		return nil
	})
}

// checkSelector wants a metric that is exported, with labels that it has.
func (e *exported) checkSelector(t *testing.T, q query, selector *parser.VectorSelector, labels map[string]bool) {
	t.Helper()
	if e.recorded[selector.Name] {
		return
	}
	name := selector.Name
	has := labelsOf(e.all, name)
	if family, of := e.histogram(name); family != "" {
		name, has = family, labelsOf(e.all, family)
		if of == "_bucket" {
			has["le"] = true
		}
	}
	if !e.exports(name) {
		t.Errorf("%s asks for %s, which no binary exports", q.where, selector.Name)
		return
	}
	e.used[name] = true
	for label := range has {
		labels[label] = true
	}
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name != "__name__" && !has[matcher.Name] && !targetLabels[matcher.Name] {
			t.Errorf("%s: %s has no label %s", q.where, selector.Name, matcher.Name)
		}
		if value := matcher.Value; matcher.Type.String() == "=" && matcher.Name != "__name__" && sumExists(e.all, name, matcher.Name+"="+value) == 0 {
			t.Errorf("%s: %s has no %s of %q", q.where, selector.Name, matcher.Name, value)
		}
	}
}

// checkCall wants rates of counters alone.
func (e *exported) checkCall(t *testing.T, q query, call *parser.Call) {
	t.Helper()
	if call.Func.Name != "rate" && call.Func.Name != "increase" {
		return
	}
	name := call.Args[0].(*parser.MatrixSelector).VectorSelector.(*parser.VectorSelector).Name
	if family, _ := e.histogram(name); family == "" && !strings.HasSuffix(name, "_total") {
		t.Errorf("%s has the rate of %s, which is no counter", q.where, name)
	}
}

// histogram is the family that a series of a histogram belongs to, and which of its series it is.
func (e *exported) histogram(name string) (family, series string) {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, found := strings.CutSuffix(name, suffix); found && e.exports(base) {
			return base, suffix
		}
	}
	return "", ""
}

func (e *exported) exports(name string) bool {
	for _, one := range e.all {
		if one.families[name] != nil {
			return true
		}
	}
	return false
}

// sumExists counts the series of a name with a label.
func sumExists(all []*scrape, name, label string) (n int) {
	for _, one := range all {
		for _, m := range one.families[name].GetMetric() {
			if has(m, []string{label}) {
				n++
			}
		}
	}
	return n
}

// TestDashboard holds every query of the dashboard and the rules against what the binaries export.
func TestDashboard(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	s := startMeasured(t, 1)
	s.run(t, object{"urls": newUpstream(t).urls("/ok")})
	s.get(t, http.StatusNotFound, path("agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"))
	e := &exported{s.scrapeAll(t), make(map[string]bool), make(map[string]bool)}
	queries := dashboardQueries(t)
	for i, r := range rules(t) {
		where := fmt.Sprintf("rule %d, %s%s", i, r.Record, r.Alert)
		if r.Record != "" {
			e.recorded[r.Record] = true
		} else if !strings.HasSuffix(r.Annotations["summary"], ".") || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
			t.Errorf("%s does not say what is wrong, what to do and how bad it is: %+v", where, r)
		}
		queries = append(queries, query{where, r.Expr})
	}
	for _, q := range queries {
		e.check(t, q)
	}
	for _, name := range names(e.all) {
		if !e.used[name] {
			t.Errorf("nothing shows %s", name)
		}
	}
}

// TestRules_Promtool has Prometheus' own tool read the rules, where there is one.
func TestRules_Promtool(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool; TestDashboard has parsed the rules")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "--lint-fatal", rulesFile).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
