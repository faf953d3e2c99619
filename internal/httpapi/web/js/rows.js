// A list of rows of the same height, of which only those in sight are there.

const beyond = 8; // rows above and below what is in sight

// VirtualRows shows count rows in a box that scrolls. make returns an element, and
// fill(element, position) has it show a row.
export class VirtualRows {
  constructor({ make, fill, open, label, rowHeight }) {
    Object.assign(this, { make, fill, open, rowHeight });
    this.count = 0;
    this.current = 0; // the row that the keyboard is at
    this.pool = [];
    this.spacer = document.createElement("div");
    this.spacer.className = "spacer";
    this.spacer.setAttribute("role", "presentation");
    this.element = document.createElement("div");
    this.element.className = "rows";
    this.element.setAttribute("role", "rowgroup");
    this.element.setAttribute("aria-label", label);
    this.element.append(this.spacer);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("click", (event) => this.onClick(event));
  }

  setCount(count) {
    this.count = count;
    this.current = Math.max(0, Math.min(this.current, count - 1));
    this.spacer.style.height = `${count * this.height()}px`;
    this.draw();
  }

  // height is that of a row in pixels, which the width of the page may change.
  height() {
    return this.rowHeight();
  }

  // draw fills the rows that are in sight, each into the element that had it before.
  draw() {
    const height = this.height();
    const first = Math.max(0, Math.floor(this.element.scrollTop / height) - beyond);
    const shown = Math.ceil(this.element.clientHeight / height) + 2 * beyond;
    const last = Math.min(this.count, first + shown);
    while (this.pool.length < Math.min(shown, this.count)) {
      const row = this.make();
      this.pool.push(row);
      this.spacer.append(row);
    }
    const size = this.pool.length;
    const used = new Set();
    for (let position = first; position < last && position - first < size; position++) {
      const row = this.pool[position % size];
      used.add(row);
      row.hidden = false;
      if (row.position !== position) {
        row.position = position;
        row.style.transform = `translateY(${position * height}px)`;
        row.setAttribute("aria-rowindex", String(position + 2)); // the heading is the first
      }
      row.tabIndex = position === this.current ? 0 : -1;
      this.fill(row, position);
    }
    for (const row of this.pool) {
      if (!used.has(row)) {
        row.hidden = true;
        row.position = undefined;
      }
    }
  }

  // relayout is for when the height of a row has changed.
  relayout() {
    for (const row of this.pool) {
      row.position = undefined;
    }
    this.setCount(this.count);
  }

  onKey(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height()) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.count, End: this.count };
    if (event.key in steps && this.count > 0) {
      event.preventDefault();
      this.go(this.current + steps[event.key]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.open(this.current);
    }
  }

  onClick(event) {
    const row = event.target.closest("[role=row]");
    if (row) {
      this.go(row.position);
      this.open(row.position);
    }
  }

  // go has the keyboard be at a row, and shows it.
  go(position, focus = true) {
    this.current = Math.max(0, Math.min(position, this.count - 1));
    const height = this.height();
    const top = this.current * height;
    if (top < this.element.scrollTop) {
      this.element.scrollTop = top;
    } else if (top + height > this.element.scrollTop + this.element.clientHeight) {
      this.element.scrollTop = top + height - this.element.clientHeight;
    }
    this.draw();
    if (focus) {
      this.pool[this.current % this.pool.length]?.focus({ preventScroll: true });
    }
  }
}
