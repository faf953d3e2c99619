package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxExpansion bounds what the patterns of one command become together. No server takes
// as many.
const maxExpansion = 100_000

// numberRange is a range such as {1..50}, {001..120} or {0..100..10}.
var numberRange = regexp.MustCompile(`\{(\d{1,15})\.\.(\d{1,15})(?:\.\.(\d{1,15}))?\}`)

// expand replaces each range of numbers by its numbers; of several the last runs fastest.
// Where either end is written with zeros in front, all have as many digits. A text
// without ranges is itself.
func expand(text string) ([]string, error) {
	at := numberRange.FindStringSubmatchIndex(text)
	if at == nil {
		return []string{text}, nil
	}
	numbers, err := numbersOf(numberRange.FindStringSubmatch(text))
	if err != nil {
		return nil, err
	}
	rest, err := expand(text[at[1]:])
	if err != nil {
		return nil, err
	}
	if len(numbers)*len(rest) > maxExpansion {
		return nil, tooMany(text)
	}
	all := make([]string, 0, len(numbers)*len(rest))
	for _, n := range numbers {
		for _, end := range rest {
			all = append(all, text[:at[0]]+n+end)
		}
	}
	return all, nil
}

func tooMany(pattern string) error {
	return fmt.Errorf("%s stands for more than %d requests", pattern, maxExpansion)
}

// numbersOf are the numbers of a range and its parts: all, first, last, step.
func numbersOf(parts []string) ([]string, error) {
	first, _ := strconv.Atoi(parts[1]) // digits, and few of them
	last, _ := strconv.Atoi(parts[2])
	step := 1
	if parts[3] != "" {
		step, _ = strconv.Atoi(parts[3])
	}
	if step == 0 {
		return nil, fmt.Errorf("%s has a step of 0; it must be 1 or more", parts[0])
	}
	n := max(first-last, last-first)/step + 1
	if n > maxExpansion {
		return nil, tooMany(parts[0])
	}
	if last < first {
		step = -step
	}
	width := 0
	if padded(parts[1]) || padded(parts[2]) {
		width = max(len(parts[1]), len(parts[2]))
	}
	numbers := make([]string, n)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("%0*d", width, first+i*step)
	}
	return numbers, nil
}

func padded(number string) bool { return len(number) > 1 && strings.HasPrefix(number, "0") }
