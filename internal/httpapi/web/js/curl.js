// The same aggregation as a command.

// curlOf is a command that a POSIX shell takes. The key stays out of it.
export function curlOf(spec, base, withKey) {
  const key = withKey ? ` \\\n  -H "Authorization: Bearer $GATHER_API_KEY"` : "";
  return `curl -s '${base}v1/aggregations' \\\n  -H 'Prefer: wait=30'${key} \\\n  --json ${quoted(jsonOf(spec))}\n`;
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// jsonOf writes each field, and each element of a list, on a line.
function jsonOf(spec) {
  const fields = Object.entries(spec).map(([name, value]) => {
    const written = Array.isArray(value) && value.length > 0 ? `[\n${value.map((element) => `    ${JSON.stringify(element)}`).join(",\n")}\n  ]` : JSON.stringify(value);
    return `  ${JSON.stringify(name)}: ${written}`;
  });
  return `{\n${fields.join(",\n")}\n}`;
}
