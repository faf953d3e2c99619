// The waterfall: a bar for each item on a common time axis, all of them at a glance. It is
// drawn on a canvas, so that 10,000 bars cost as little as ten.

import { segments } from "./axis.js";
import { h } from "./dom.js";
import { duration, plural } from "./format.js";
import { drawTicks } from "./ticks.js";

const kinds = ["queued", "fetching", "retrying", "succeeded", "failed", "canceled"];
const barHeight = 5; // px where there is room
const lowest = 36;
const highest = 190;

// overview is a panel; draw shows a run, and onPick is told which item was clicked.
export function overview(onPick) {
  const canvas = h("canvas", { role: "img", onclick: (event) => pick(event) });
  const ticks = h("div.ticks", { "aria-hidden": "true" });
  const legend = h("ul.legend", { "aria-label": "Colours" }, kinds.map((kind) => h(`li.${kind}`, {}, kind)));
  const element = h("section.panel.overview", { "aria-label": "Waterfall" }, ticks, canvas, legend);
  let total = 0;

  function pick(event) {
    const index = Math.floor((event.offsetY / canvas.clientHeight) * total);
    if (index >= 0 && index < total) {
      onPick(index);
    }
  }

  function draw(run, axis) {
    total = run.items.length;
    const height = Math.min(highest, Math.max(lowest, total * (barHeight + 1)));
    const [width, ratio] = [canvas.clientWidth, window.devicePixelRatio || 1];
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.style.height = `${height}px`;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    drawBars(canvas.getContext("2d"), run, axis, colours(element));
    drawTicks(ticks, axis);
    drawBreaks(canvas.getContext("2d"), axis, getComputedStyle(ticks).color);
    canvas.setAttribute("aria-label", spoken(run, axis));
  }
  return { element, draw };
}

// drawBars draws one colour after the other. Where there are more items than rows of pixels,
// each row is that item of its part which has most to say.
function drawBars(context, run, axis, colour) {
  const { width, height } = context.canvas;
  const rows = Math.min(run.items.length, height);
  const each = height / rows;
  const thick = Math.max(1, Math.min(each - (each > 3 ? 1 : 0), barHeight * (window.devicePixelRatio || 1)));
  const bars = Object.fromEntries(kinds.map((kind) => [kind, []]));
  for (let row = 0; row < rows; row++) {
    const item = telling(run.items, Math.floor((row * run.items.length) / rows), Math.floor(((row + 1) * run.items.length) / rows));
    for (const [from, to, kind] of segments(item, run, axis)) {
      const x = axis.share(from) * width;
      bars[kind].push([x, row * each, Math.max(kind === "queued" ? 0 : 1.5, axis.share(to) * width - x)]);
    }
  }
  context.clearRect(0, 0, width, height);
  for (const kind of kinds) {
    context.fillStyle = colour[kind];
    const thin = kind === "queued" && each > 3 ? thick / 3 : thick;
    for (const [x, y, w] of bars[kind]) {
      context.fillRect(x, y + (thick - thin) / 2, w, thin);
    }
  }
}

const weight = { loading: 0, queued: 0, succeeded: 1, canceled: 2, fetching: 3, retrying: 4, failed: 5 };

// telling is the item from place first on and before last that stands for all of them.
function telling(items, first, last) {
  let found = items[first];
  for (let i = first + 1; i < last; i++) {
    if (weight[items[i].status] > weight[found.status]) {
      found = items[i];
    }
  }
  return found;
}

// colours are those of the legend, which CSS has resolved.
function colours(element) {
  return Object.fromEntries(kinds.map((kind) => [kind, getComputedStyle(element.querySelector(`.legend .${kind}`)).getPropertyValue("border-left-color")]));
}

// drawBreaks draws a zigzag where time is left out.
function drawBreaks(context, axis, colour) {
  const { width, height } = context.canvas;
  const tooth = 4 * (window.devicePixelRatio || 1);
  context.strokeStyle = colour;
  context.lineWidth = tooth / 4;
  for (const [from, to] of axis.cuts) {
    const middle = ((axis.share(from) + axis.share(to)) / 2) * width;
    for (const x of [middle - tooth / 2, middle + tooth / 2]) {
      context.beginPath();
      for (let y = 0; y <= height + tooth; y += tooth) {
        context.lineTo(x + ((y / tooth) % 2 === 0 ? -tooth / 2 : tooth / 2), y);
      }
      context.stroke();
    }
  }
}

function spoken(run, axis) {
  const { total, succeeded, failed, canceled, pending } = run.agg.counts;
  return `${plural(total, "item")} over ${duration(axis.end)}: ${succeeded} succeeded, ${failed} failed, ${canceled} canceled, ${pending} pending`;
}
