// How values are written, and how elements are made: text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function seconds(value) {
  if (value === null) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 120) return `${value.toFixed(1)} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
}

export function number(value) {
  if (value === null) return "–";
  return value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 1 : 0 });
}

// The states of views, the worst first.
export const STATES = ["stuck", "silent", "starting", "stale", "fresh", "no_events"];

export const state = (value) => value.replaceAll("_", " ");

export const clock = (at) => new Date(at * 1000).toLocaleTimeString();

// The objective that stands worst: what is left of its budget, if a Prometheus tells, else how fast it burns.
export function budget(budgets) {
  const left = budgets.map((each) => each.left).filter((each) => each !== null);
  if (left.length) return `${(Math.min(...left) * 100).toFixed(1)} % left`;
  const burns = budgets.map((each) => each.burn_rate).filter((each) => each !== null);
  return burns.length ? `burns ${Math.max(...burns).toFixed(1)}×` : "–";
}
