// Making elements.

// h makes an element: h("button.primary", { type: "button", onclick }, "Send"). Properties that
// are functions are listeners; null and false leave an attribute or a child out.
export function h(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length > 0) {
    element.className = classes.join(" ");
  }
  for (const [key, value] of Object.entries(properties)) {
    setProperty(element, key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

function setProperty(element, key, value) {
  if (value === null || value === undefined || value === false) {
    return;
  }
  if (typeof value === "function") {
    element.addEventListener(key.slice(2), value);
  } else if (key === "value") {
    element.value = value;
  } else {
    element.setAttribute(key, value === true ? "" : value);
  }
}

// setText writes only what has changed, so that nothing is laid out again for nothing.
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

// cutMiddle shows a text that loses its middle where there is too little room: the URLs of a
// pattern differ at their ends. end is how many characters of it stay, as --end in the CSS.
export function cutMiddle(element, text, end = 14) {
  if (element.childElementCount !== 2) {
    element.classList.add("cut");
    element.replaceChildren(h("span.start"), h("span.end"));
  }
  const at = Math.max(0, text.length - end);
  setText(element.firstChild, text.slice(0, at));
  setText(element.lastChild, text.slice(at));
}

// setWidth is a share of the parent's width, from 0 to 1.
export function setWidth(element, share) {
  element.style.width = `${(100 * share).toFixed(2)}%`;
}

// say tells something to who uses a screen reader.
export function say(text) {
  setText(document.getElementById("said"), text);
}

// chip shows where something stands.
export function chip(status) {
  return h(`span.chip.${status}`, {}, status);
}

let lastId = 0;

// newId is an id for an element that another one names.
export function newId(prefix) {
  lastId++;
  return `${prefix}-${lastId}`;
}
