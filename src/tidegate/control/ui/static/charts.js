/**
 * Charts over time, as SVG: lines or stacked bars, with a cross-hair that the pointer or the arrow keys move.
 * Series differ by colour and by the way their line is dashed, and are named below the chart.
 */

import { fill, h, s } from "./dom.js";
import { count, day } from "./format.js";

const ROOM = { left: 56, right: 8, top: 8, bottom: 22 };
const HEIGHT = 172;
const DASHES = ["", "6 3", "2 3", "8 3 2 3", "1 2", "10 4"];

/**
 * A chart. `times` are the beginnings of intervals of `step` milliseconds; `series` is a list of
 * `{name, values, tone}`, whose values may be null (not known). `format` renders a value, `axis` one of the axis.
 */
export function chart(title, { times, step, series, format, axis = format, bars = false, top = null, note = null }) {
  const figure = h("figure.chart.panel", { "aria-label": title });
  const caption = h("figcaption", null, h("span.title", title), note && h("span.quiet.small", note));
  const place = h("div.plot");
  const tip = h("div.tip", { hidden: true });
  const legend = h("ul.legend", null, ...series.map((one, index) => h("li", null, swatch(one, index, bars), one.name)));
  const known = series.some((one) => one.values.some((value) => value !== null && value !== undefined));
  figure.append(caption, place, ...(series.length > 1 && known ? [legend] : []));
  if (!known || times.length === 0) {
    place.append(h("p.empty", null, "Nothing in this time."));
    return figure;
  }
  let drawn = 0;
  const draw = () => {
    const width = Math.round(place.clientWidth);
    if (width < 80 || width === drawn) return;
    drawn = width;
    fill(place, plot(title, { width, times, step, series, format, axis, bars, top, tip }), tip);
  };
  new ResizeObserver(draw).observe(place);
  return figure;
}

function swatch(one, index, bars) {
  const mark = bars
    ? s("rect", { x: 2, y: 2, width: 10, height: 10, rx: 2, class: `fill tone-${one.tone ?? index + 1}` })
    : s("line", { x1: 0, x2: 18, y1: 7, y2: 7, "stroke-dasharray": DASHES[index % 6], class: `line tone-${one.tone ?? index + 1}` });
  return s("svg.swatch", { width: bars ? 14 : 18, height: 14, "aria-hidden": "true" }, mark);
}

function plot(title, { width, times, step, series, format, axis, bars, top, tip }) {
  const inner = { width: width - ROOM.left - ROOM.right, height: HEIGHT - ROOM.top - ROOM.bottom };
  const ticks = scale(top ?? greatest(series, times.length, bars), axis === count);
  const most = ticks[ticks.length - 1];
  const begin = times[0];
  const end = times[times.length - 1] + step;
  const x = (time) => ROOM.left + ((time - begin) / (end - begin)) * inner.width;
  const y = (value) => ROOM.top + inner.height * (1 - value / most);
  const svg = s("svg", {
    width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", tabindex: 0,
    "aria-label": summary(title, series, format),
  });
  for (const value of ticks) {
    svg.append(
      s("line.grid", { x1: ROOM.left, x2: width - ROOM.right, y1: y(value), y2: y(value) }),
      s("text.axis", { x: ROOM.left - 6, y: y(value) + 4, "text-anchor": "end" }, axis(value)),
    );
  }
  for (const [time, text] of marks(begin, end, inner.width)) {
    const anchor = x(time) > width - 24 ? "end" : "middle"; // inside the drawing
    svg.append(s("text.axis", { x: x(time), y: HEIGHT - 6, "text-anchor": anchor }, text));
  }
  svg.append(...(bars ? barsOf(series, times, step, x, y) : linesOf(series, times, step, x, y)));
  svg.append(cross(svg, { width, times, step, series, format, x, y, tip, bars }));
  return svg;
}

function greatest(series, length, stacked) {
  let most = 0;
  for (let index = 0; index < length; index++) {
    const values = series.map((one) => one.values[index] ?? 0);
    most = Math.max(most, stacked ? values.reduce((a, b) => a + b, 0) : Math.max(...values));
  }
  return most;
}

/** Round numbers from 0 to above the greatest value, whole ones where `whole`. */
export function scale(most, whole = false, parts = 4) {
  if (!(most > 0)) return [0, 1];
  const raw = whole ? Math.max(1, most / parts) : most / parts;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = (whole && power < 10 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).map((one) => one * power).find((one) => one >= raw * 0.999);
  const ticks = [];
  for (let index = 0; ; index++) {
    ticks.push(Number((index * step).toPrecision(6)));
    if (index * step >= most * 0.999) return ticks;
  }
}

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 43200].map((one) => one * MINUTE);

/** Times to write below a chart, in this browser's time zone. */
function marks(begin, end, width) {
  const step = STEPS.find((one) => (end - begin) / one <= Math.max(2, width / 72)) ?? STEPS[STEPS.length - 1];
  const shift = new Date(begin).getTimezoneOffset() * MINUTE;
  const found = [];
  for (let time = Math.ceil((begin - shift) / step) * step + shift; time < end; time += step) {
    const date = new Date(time);
    const clock = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    found.push([time, step >= 1440 * MINUTE || clock === "00:00" ? day(time) : clock]);
  }
  return found;
}

function barsOf(series, times, step, x, y) {
  const shapes = [];
  times.forEach((time, index) => {
    let below = 0;
    const left = x(time);
    const wide = Math.max(1, (x(time + step) - left) * 0.82);
    series.forEach((one, place) => {
      const value = one.values[index] ?? 0;
      if (value <= 0) return;
      const height = Math.max(1, y(below) - y(below + value));
      shapes.push(s("rect", {
        x: left + wide * 0.09, y: y(below) - height, width: wide, height, class: `fill tone-${one.tone ?? place + 1}`,
      }));
      below += value;
    });
  });
  return shapes;
}

function linesOf(series, times, step, x, y) {
  return series.flatMap((one, index) => {
    const shapes = [];
    let path = "";
    let alone = null;
    const kind = `tone-${one.tone ?? index + 1}`;
    const end = () => {
      if (alone) shapes.push(s("circle", { cx: alone[0], cy: alone[1], r: 2.5, class: `fill ${kind}` }));
    };
    let open = false;
    times.forEach((time, at) => {
      const value = one.values[at];
      if (value === null || value === undefined) {
        end();
        open = false;
        alone = null;
        return;
      }
      const point = [x(time + step / 2).toFixed(1), y(value).toFixed(1)];
      path += `${open ? "L" : "M"}${point[0]} ${point[1]}`;
      alone = open ? null : point;
      open = true;
    });
    end();
    if (path) shapes.unshift(s("path", { d: path, class: `line ${kind}`, "stroke-dasharray": DASHES[index % 6] }));
    return shapes;
  });
}

/** The cross-hair and the values where it is. */
function cross(svg, { width, times, step, series, format, x, tip, bars }) {
  const line = s("line.cross", { y1: ROOM.top, y2: HEIGHT - ROOM.bottom, visibility: "hidden" });
  let at = null;
  const show = (index) => {
    at = Math.max(0, Math.min(times.length - 1, index));
    const middle = x(times[at] + step / 2);
    line.setAttribute("x1", middle);
    line.setAttribute("x2", middle);
    line.setAttribute("visibility", "visible");
    fill(
      tip,
      h("div.when", null, span(times[at], step)),
      ...series.map((one, place) => h("div", null, swatch(one, place, bars), `${one.name} `, h("b", null, format(one.values[at] ?? null)))),
    );
    tip.hidden = false;
    const side = middle > width / 2;
    tip.style.left = side ? "" : `${middle + 10}px`;
    tip.style.right = side ? `${width - middle + 10}px` : "";
  };
  const hide = () => {
    at = null;
    tip.hidden = true;
    line.setAttribute("visibility", "hidden");
  };
  svg.addEventListener("pointermove", (event) => {
    const share = (event.clientX - svg.getBoundingClientRect().left - ROOM.left) / (width - ROOM.left - ROOM.right);
    if (share >= 0 && share <= 1) show(Math.floor(share * times.length));
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      event.preventDefault();
      show(at === null ? times.length - 1 : at + by);
    } else if (event.key === "Escape") hide();
  });
  return line;
}

function span(time, step) {
  const from = new Date(time);
  const clock = (date) => date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (step >= 1440 * MINUTE) return day(time);
  return `${day(time)} ${clock(from)} – ${clock(new Date(time + step))}`;
}

function summary(title, series, format) {
  const parts = series.map((one) => {
    const known = one.values.filter((value) => value !== null && value !== undefined);
    return known.length ? `${one.name}: between ${format(Math.min(...known))} and ${format(Math.max(...known))}` : "";
  });
  return `${title}. ${parts.filter(Boolean).join("; ")}. Arrow keys read single values.`;
}

/** A small line without axes. */
export function sparkline(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length < 2) return null;
  const [width, height] = [96, 24];
  const most = Math.max(...known) || 1;
  let path = "";
  values.forEach((value, index) => {
    if (value === null || value === undefined) return;
    const point = `${((index / (values.length - 1)) * width).toFixed(1)} ${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`;
    path += `${path ? "L" : "M"}${point}`;
  });
  return s("svg.spark", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, s("path", { d: path, class: "line tone-1", "vector-effect": "non-scaling-stroke" }));
}
