package cli

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gather"
)

var (
	inRequest = regexp.MustCompile(`^body\.(?:requests|urls)\[(\d+)\]\.?(.*)$`)
	otherItem = regexp.MustCompile(`requests\[(\d+)\]`)
	firstPart = regexp.MustCompile(`^[a-z_]*`)
)

// requestFlag is the flag that stands for a field of a request.
var requestFlag = map[string]string{
	"method": "--method", "headers": "--header", "body": "--json", "body_text": "--data", "timeout": "--timeout", "retry": "--retries", "expect_status": "--expect-status",
}

// otherFlag is the flag that stands for any other place.
var otherFlag = map[string]string{
	"body.deadline": "--deadline", "body.retention": "--retention", "body.concurrency": "--concurrency", "body.priority": "--priority",
	"body.name": "--name", "body.labels": "--label", "header.Idempotency-Key": "--idempotency-key",
	"query.status": "--status", "query.label": "--label", "query.limit": "--limit", "path.id": "the ID",
}

// inOurWords tells faults of the API's document by the flags, files and lines that they
// come from. What holds for all requests is told once.
func inOurWords(faults []gather.Fault, items []item) error {
	var list faultList
	var told []string
	for _, f := range faults {
		message := translate(f, items)
		if !slices.Contains(told, message) {
			told = append(told, message)
			list.add("%s", message)
		}
	}
	return list.err()
}

func translate(f gather.Fault, items []item) string {
	if flag, ok := otherFlag[f.Location]; ok {
		return flag + " " + f.Message
	}
	found := inRequest.FindStringSubmatch(f.Location)
	if found == nil {
		field := strings.TrimPrefix(strings.TrimPrefix(f.Location, "body"), ".")
		return strings.TrimSpace(field + " " + f.Message)
	}
	i, _ := strconv.Atoi(found[1])
	if i >= len(items) {
		return f.Location + " " + f.Message
	}
	message := otherItem.ReplaceAllStringFunc(f.Message, func(other string) string {
		if k, _ := strconv.Atoi(otherItem.FindStringSubmatch(other)[1]); k < len(items) {
			return items[k].place
		}
		return other
	})
	field := firstPart.FindString(found[2])
	if flag, ok := requestFlag[field]; ok && items[i].own[field] == nil {
		return flag + " " + message
	}
	if found[2] == "" || items[i].own == nil {
		return items[i].place + ": the URL " + message
	}
	return items[i].place + ": " + found[2] + " " + message
}
