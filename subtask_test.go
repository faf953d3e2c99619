package gather_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gather"
)

func TestLaneOf(t *testing.T) {
	cases := map[string]struct {
		priority gather.Priority
		items    int
		want     gather.Lane
		bulk     bool
	}{
		"one item":                     {gather.PriorityDefault, 1, "default", false},
		"the largest of the small":     {gather.PriorityHigh, 256, "high", false},
		"the smallest of the large":    {gather.PriorityHigh, 257, "high-bulk", true},
		"a large one that is not keen": {gather.PriorityLow, 10_000, "low-bulk", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := gather.LaneOf(c.priority, c.items)
			if got != c.want || got.Bulk() != c.bulk {
				t.Errorf("LaneOf = %q, bulk %v, want %q, %v", got, got.Bulk(), c.want, c.bulk)
			}
		})
	}
}

func TestSubtask_Each(t *testing.T) {
	cases := map[string]struct {
		items string
		want  []int // nil where it is an error
	}{
		"one item":               {"7", []int{7}},
		"a range":                {"0-3", []int{0, 1, 2, 3}},
		"a range of one":         {"3-3", []int{3}},
		"items and ranges":       {"3,5,8-9", []int{3, 5, 8, 9}},
		"nothing":                {"", nil},
		"an empty part":          {"1,,2", nil},
		"a range without an end": {"1-", nil},
		"a range without begin":  {"-1", nil},
		"a range backwards":      {"2-1", nil},
		"no number":              {"1,a", nil},
		"no number at the end":   {"1-a", nil},
		"three ends":             {"1-2-3", nil},
		"a huge range":           {"0-99999999999", nil},
		"the largest range":      {"0-9223372036854775807", nil},
		"more than any number":   {"99999999999999999999", nil},
		"huge only together":     {"0-999998,0-1", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			batch := gather.Subtask{Index: 3, Start: 2, Fetch: "GET http://a", Batch: 1, Items: c.items}
			list, err := batch.Each()
			if (err == nil) != (c.want != nil) || err != nil && list != nil {
				t.Fatalf("Each of %q = %d items, %v, want %v", c.items, len(list), err, c.want)
			}
			var want []gather.Subtask
			for _, index := range c.want {
				want = append(want, gather.Subtask{Index: index, Start: 2})
			}
			if !slices.Equal(list, want) {
				t.Errorf("Each of %q = %+v, want %+v", c.items, list, want)
			}
		})
	}
}

func TestSubtask_Each_ofOneItemIsItself(t *testing.T) {
	item := gather.Subtask{Index: 7, Start: 2, Fetch: "GET http://a"}
	list, err := item.Each()
	if err != nil || !slices.Equal(list, []gather.Subtask{item}) {
		t.Errorf("Each = %+v, %v, want only %+v", list, err, item)
	}
}

func TestSubtask_Each_takesAsManyAsItSays(t *testing.T) {
	batch := gather.Subtask{Batch: 1, Items: "0-999999"}
	list, err := batch.Each()
	if err != nil || len(list) != 1_000_000 {
		t.Errorf("Each = %d items, %v, want a million", len(list), err)
	}
}

func TestSubtask_Each_readsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfNDistinct(rapid.IntRange(0, 200), 1, 100, rapid.ID).Draw(t, "indexes")
		slices.Sort(want)
		batch := gather.Subtask{Start: 1, Batch: 1, Items: ranges(want)}
		list, err := batch.Each()
		if err != nil {
			t.Fatalf("Each of %q: %v", batch.Items, err)
		}
		var got []int
		for _, item := range list {
			got = append(got, item.Index)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v is written as %q, which reads as %v", want, batch.Items, got)
		}
	})
}

// ranges writes ascending indexes as the store does.
func ranges(indexes []int) string {
	var parts []string
	for from := 0; from < len(indexes); {
		to := from
		for to+1 < len(indexes) && indexes[to+1] == indexes[to]+1 {
			to++
		}
		part := strconv.Itoa(indexes[from])
		if to > from {
			part = fmt.Sprintf("%d-%d", indexes[from], indexes[to])
		}
		parts, from = append(parts, part), to+1
	}
	return strings.Join(parts, ",")
}

// FuzzSubtask_Each checks that no text makes a worker run out of memory, and that
// what is read is written alike.
func FuzzSubtask_Each(f *testing.F) {
	for _, items := range []string{"", "0-63", "3,5,8-9", "0-99999999999", "0-9223372036854775807", "-1", "1-", "9-0", "1--1", "+1", ",,,", "0-999999,0-999999", "\xff"} {
		f.Add(items)
	}
	f.Fuzz(func(t *testing.T, items string) {
		batch := gather.Subtask{Start: 1, Batch: 1, Items: items}
		list, err := batch.Each()
		if err != nil {
			return
		}
		if len(list) == 0 || len(list) > 1_000_000 {
			t.Fatalf("Each of %q = %d items", items, len(list))
		}
		if len(list) > 10_000 {
			return // the rest would only be slow
		}
		var indexes []int
		for i, item := range list {
			if item.Index < 0 || item.Start != 1 || item.Batch != 0 {
				t.Fatalf("Each of %q has %+v at %d", items, item, i)
			}
			indexes = append(indexes, item.Index)
		}
		again := gather.Subtask{Start: 1, Batch: 1, Items: ranges(indexes)}
		if back, err := again.Each(); err != nil || !slices.Equal(back, list) {
			t.Fatalf("%q is written as %q, which reads as %d items, %v", items, again.Items, len(back), err)
		}
	})
}
