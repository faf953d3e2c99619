// JSON whose numbers stay as they were written, also those that JavaScript can't hold.

// parse is JSON.parse, but with a Written in place of each such number.
export function parse(text) {
  return JSON.parse(text, (_key, value, context) => {
    if (typeof value === "number" && context?.source !== undefined && String(value) !== context.source) {
      return new Written(context.source);
    }
    return value;
  });
}

// Written is a number as it was written; JSON.stringify writes it so again.
export class Written {
  constructor(source) {
    this.source = source;
  }

  toJSON() {
    return JSON.rawJSON ? JSON.rawJSON(this.source) : Number(this.source);
  }

  toString() {
    return this.source;
  }
}
