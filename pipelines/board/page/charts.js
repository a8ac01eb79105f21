// Lines and stacked areas in SVG, from lists with null where there is nothing. `times` stand below: of the first place
// and of the last; `write` makes text of a value.

import { drawn, element } from "./text.js";

const WIDTH = 600;
const HEIGHT = 150;

// The path of a line through the values, broken where there is none.
export function line(values, top, width, height) {
  const step = width / Math.max(1, values.length - 1);
  let pen = "M";
  return values.map((value, place) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const y = height - 1 - (top > 0 ? value / top : 0) * (height - 2);
    const drawnTo = `${pen}${(place * step).toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
    // A single value between gaps is a dot.
    return values[place + 1] == null && values[place - 1] == null ? `${drawnTo}h${place ? -2 : 2}` : drawnTo;
  }).join("");
}

export const greatest = (values) => values.reduce((most, value) => Math.max(most, value ?? 0), 0);

export function sparkline() {
  return drawn("svg", { class: "spark", viewBox: "0 0 120 22", preserveAspectRatio: "none", role: "img" }, drawn("path"));
}

export function lineChart(title, series, times, write) {
  const top = greatest(series.flatMap((each) => each.values));
  const paths = series.map(({ values }, place) =>
    drawn("path", { class: `line s${place}`, d: line(values, top, WIDTH, HEIGHT) }));
  return figure(title, paths, series, top, times, write);
}

export function stackChart(title, series, times, write) {
  const length = series[0]?.values.length ?? 0;
  const below = Array(length).fill(0);
  const areas = series.map(({ values }) => {
    const floor = [...below];
    values.forEach((value, place) => { below[place] += value ?? 0; });
    return [floor, [...below]];
  });
  const top = greatest(below);
  const paths = areas.map(([floor, ceiling], place) => {
    const back = line([...floor].reverse(), top, WIDTH, HEIGHT)
      .replaceAll(/([ML])([\d.]+)/g, (_, pen, x) => `L${(WIDTH - Number(x)).toFixed(1)}`);
    return drawn("path", { class: `area s${place}`, d: length > 1 ? `${line(ceiling, top, WIDTH, HEIGHT)}${back}Z` : "" });
  });
  return figure(title, paths, series, top, times, write);
}

function figure(title, paths, series, top, times, write) {
  const newest = (values) => write(values.at(-1) ?? null);
  const described = `${title}, up to ${write(top)}: ${series.map((each) => `${each.name} now ${newest(each.values)}`).join(", ")}`;
  const chart = drawn("svg", {
    class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": described,
  }, ...paths);
  const legend = element("ul", { className: "legend" }, ...series.map(({ name, values }, place) =>
    element("li", { className: `s${place}` }, `${name} ${newest(values)}, at most ${write(greatest(values))}`)));
  const heading = element("figcaption", {}, title, element("span", { className: "quiet" }, ` up to ${write(top)}`));
  const axis = element("div", { className: "axis" }, ...times.map((time) => element("span", {}, time)));
  return element("figure", {}, heading, chart, axis, legend);
}
