// The times above the bars: ticks, and where time is left out the two times around it.

import { h, setText } from "./dom.js";
import { duration } from "./format.js";

const tickWidth = 60; // px that a time takes, to the right of where it is
const breakWidth = 100; // px that two times take
const fewest = 2; // times that an axis has, where they fit

// drawTicks writes times where they are on the axis.
export function drawTicks(element, axis) {
  const labels = labelsOf(axis, element.clientWidth);
  while (element.children.length > labels.length) {
    element.lastChild.remove();
  }
  while (element.children.length < labels.length) {
    element.append(h("span"));
  }
  for (const [i, { left, width, text, isBreak }] of labels.entries()) {
    const label = element.children[i];
    setText(label, text);
    label.className = isBreak ? "break" : "";
    label.style.left = `${left.toFixed(1)}px`;
    label.style.width = isBreak ? `${width}px` : "";
  }
}

// labelsOf are the labels that stand beside each other on so many pixels.
function labelsOf(axis, width) {
  const breaks = placed([], axis.cuts.map(([from, to]) => {
    const middle = ((axis.share(from) + axis.share(to)) / 2) * width;
    const left = Math.max(0, Math.min(middle - breakWidth / 2, width - breakWidth));
    return { left, width: breakWidth, text: `${rounded(duration(from))} // ${rounded(duration(to))}`, isBreak: true };
  }), width);
  let labels = breaks;
  for (const step of axis.steps(Math.max(fewest, Math.floor(width / 90)))) {
    labels = placed(breaks, axis.ticks(step).map((at) => ({ left: axis.share(at) * width, width: tickWidth, text: rounded(duration(at)) })), width);
    if (labels.length - breaks.length >= fewest) {
      break;
    }
  }
  return labels;
}

// placed are those that are there, and of the others each that has room beside them.
function placed(there, others, width) {
  const all = [...there];
  for (const label of others) {
    const end = label.left + label.width;
    if (end <= width && all.every((other) => end <= other.left || label.left >= other.left + other.width)) {
      all.push(label);
    }
  }
  return all;
}

// rounded is a duration without zeros at the end: ticks are round.
function rounded(text) {
  return text.replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ");
}
