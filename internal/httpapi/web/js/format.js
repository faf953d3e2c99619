// Numbers and times for people.

const count = new Intl.NumberFormat("en");

export function number(n) {
  return count.format(n);
}

// plural is "1 item" or "2 items".
export function plural(n, word) {
  return `${number(n)} ${word}${n === 1 ? "" : "s"}`;
}

// duration is a time in milliseconds, in the unit that fits it.
export function duration(ms) {
  if (ms < 10) {
    return `${ms.toFixed(1)} ms`;
  }
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 60_000) {
    return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  }
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  }
  return `${Math.floor(seconds / 3600)}h ${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}m`;
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

// ago is how long before now an instant was.
export function ago(instant) {
  const seconds = Math.round((Date.now() - Date.parse(instant)) / 1000);
  for (const [size, unit] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    if (seconds >= size) {
      return relative.format(-Math.floor(seconds / size), unit);
    }
  }
  return seconds < 5 ? "just now" : relative.format(-seconds, "second");
}

// bytes is a size.
export function bytes(n) {
  for (const [size, unit] of [[1 << 20, "MiB"], [1 << 10, "KiB"]]) {
    if (n >= size) {
      return `${(n / size).toFixed(1)} ${unit}`;
    }
  }
  return `${n} B`;
}
