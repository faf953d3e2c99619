// URL patterns: https://…/items/{1..50}, {01..10} and {0..100..20}, as the command-line tool
// reads them. Braces that are none of these stay as they are.

export const mostURLs = 100_000;

const group = /\{(\d{1,15})\.\.(\d{1,15})(?:\.\.(\d{1,15}))?\}/;

// expand returns the URLs that a pattern stands for; all combinations where it has several
// groups. It throws where there would be more than most.
export function expand(pattern, most = mostURLs) {
  const found = group.exec(pattern);
  if (found === null) {
    return [pattern];
  }
  const [written, first, last, step] = found;
  const before = pattern.slice(0, found.index);
  const tails = expand(pattern.slice(found.index + written.length), most);
  const numbers = range(first, last, step, most);
  if (numbers.length * tails.length > most) {
    throw new RangeError(`stands for more than ${most} URLs`);
  }
  return numbers.flatMap((number) => tails.map((tail) => before + number + tail));
}

// leftBraces are the braces with ".." inside that are no range of numbers.
export function leftBraces(pattern) {
  return (pattern.match(/\{[^{}]*\.\.[^{}]*\}/g) ?? []).filter((braces) => !new RegExp(`^${group.source}$`).test(braces));
}

// range counts up or down. Where either end has zeros in front, all have as many digits.
function range(first, last, step, most) {
  const [from, to, by] = [Number(first), Number(last), Number(step ?? 1)];
  if (by === 0) {
    throw new RangeError("has a step of 0; it must be 1 or more");
  }
  const length = Math.floor(Math.abs(to - from) / by) + 1;
  if (length > most) {
    throw new RangeError(`stands for more than ${most} URLs`);
  }
  const width = /^0\d/.test(first) || /^0\d/.test(last) ? Math.max(first.length, last.length) : 0;
  return Array.from({ length }, (_, i) => String(from + Math.sign(to - from) * by * i).padStart(width, "0"));
}
