// Lines over the steps of a series, with what is forecast behind them, as SVG.
import { el } from '../dom.js';
import { number } from '../format.js';
import { t } from '../i18n.js';
import { nice, svg } from './svg.js';

const COLOURS = 6; // of style.css; then they come again, dashed
const PANEL = { one: 220, each: 130 };
const MARGIN = { top: 12, bottom: 22, right: 14 };
const TOLD = 20; // the height of the line in which a forecast is told
const AHEAD = 28; // the least width of what is forecast
const LETTER = 7.2; // the width of a character of an axis, about
const UNLIKE = 8; // how much wider than a line's own range its axis may be

/**
 * A chart that fills its box.
 * @returns {{element: Element, show: (data: ?object) => void, leave: Function}} show takes
 *   {rows, channels, unit, ends, forecast: ?{channel, values}}, or null for nothing to show
 */
export function lineChart() {
  const box = el('div', { className: 'plot' });
  const legend = el('ul', { className: 'legend' });
  const figure = el('figure', { className: 'series', hidden: true }, box, legend);
  let shown = null;
  let width = 0;
  const draw = () => {
    figure.hidden = !shown;
    if (!shown || !width) return;
    box.replaceChildren(picture(shown, width));
  };
  const watcher = new ResizeObserver(([{ contentRect }]) => {
    if (Math.abs(contentRect.width - width) < 1) return;
    width = contentRect.width;
    draw();
  });
  watcher.observe(box);
  return {
    element: figure,
    show(data) {
      shown = data?.rows.length ? data : null;
      if (shown) legend.replaceChildren(...keys(shown));
      figure.hidden = !shown;
      width = box.clientWidth || width;
      draw();
    },
    leave: () => watcher.disconnect(),
  };
}

/** What each line is; a single one is told by the words above the chart. */
function keys({ channels, forecast }) {
  const mark = (className) => {
    const line = svg('line', { x1: 1, y1: 6, x2: 23, y2: 6, class: className });
    return svg('svg', { width: 24, height: 12, 'aria-hidden': 'true' }, line);
  };
  const named = channels.length > 1 ? channels.map((name, n) => el('li', {}, mark(lineClass(n)), name)) : [];
  if (!forecast) return named;
  const dot = svg('svg', { width: 24, height: 12, 'aria-hidden': 'true' });
  dot.append(svg('circle', { cx: 12, cy: 6, r: 4.5, class: 'dot' }));
  return [...named, el('li', {}, dot, t('series.forecast', { channel: channels[forecast.channel] }))];
}

const lineClass = (n) => `line line-${n % COLOURS}${n >= COLOURS ? ' dashed' : ''}`;

/** The same in words, for whoever does not see it. */
export function inWords({ rows, channels, unit, forecast }) {
  const told = channels.map((channel, n) => {
    const values = rows.map((row) => row[n]);
    const suffix = unit ? ` ${unit}` : '';
    const between = { min: number(Math.min(...values)), max: number(Math.max(...values)) + suffix };
    return t('series.words', { channel, count: rows.length, ...between, last: number(values.at(-1)) + suffix });
  });
  if (forecast) {
    const values = forecast.values.map(number).join('; ') + (unit ? ` ${unit}` : '');
    told.push(t('series.said', { channel: channels[forecast.channel], values }));
  }
  return told.join(' ');
}

function picture(shown, width) {
  const { rows, ends, forecast } = shown;
  const groups = panels(shown);
  const height = groups.length === 1 ? PANEL.one : PANEL.each * groups.length;
  const each = (height - MARGIN.top - MARGIN.bottom) / groups.length;
  const scales = groups.map((group, n) => {
    const [low, high, ticks] = nice(group.min, group.max, each > 150 ? 5 : 3);
    const told = forecast && group.members.includes(forecast.channel) ? TOLD : 0;
    const top = MARGIN.top + n * each + (n ? 8 : 0) + told;
    const bottom = MARGIN.top + (n + 1) * each - 6;
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    return { ...group, y, ticks, top, bottom };
  });
  const left = 8 + LETTER * Math.max(...scales.flatMap(({ ticks }) => ticks.map((tick) => number(tick).length)));
  const ahead = forecast?.values.length ?? 0;
  const room = width - left - MARGIN.right;
  const behind = ahead ? Math.max(AHEAD, (room * ahead) / (rows.length - 1 + ahead)) : 0;
  const last = rows.length - 1;
  // What is forecast gets some width of its own: one step of sixty would be hidden behind its point.
  const x = (step) => {
    if (step > last) return left + room - behind + ((step - last) / ahead) * behind;
    return left + (last ? step / last : 1) * (room - behind);
  };
  const parts = [];
  for (const { y, ticks } of scales) {
    for (const tick of ticks) {
      parts.push(svg('line', { x1: left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick), class: 'grid' }));
      parts.push(svg('text', { x: left - 6, y: y(tick) + 4, 'text-anchor': 'end' }, number(tick)));
    }
  }
  for (const { members, y } of scales) {
    for (const channel of members) {
      const points = rows.map((row, step) => `${x(step).toFixed(1)},${y(row[channel]).toFixed(1)}`);
      parts.push(svg('polyline', { points: points.join(' '), class: lineClass(channel) }));
      if (rows.length === 1) parts.push(svg('circle', { cx: x(0), cy: y(rows[0][channel]), r: 3, class: 'start' }));
    }
  }
  parts.push(...below(rows.length, ahead, ends, x, height, width, left));
  if (forecast) parts.push(...coming(shown, scales, x, width));
  const attributes = { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': inWords(shown) };
  return svg('svg', attributes, ...parts);
}

/** Lines of like range share an axis; what one would be flat on has its own. */
function panels({ rows, channels, forecast }) {
  const found = [];
  for (const channel of channels.keys()) {
    const values = rows.map((row) => row[channel]);
    if (forecast?.channel === channel) values.push(...forecast.values);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    const fits = ({ min: low, max: high, least }) => {
      const wide = Math.max(max, high) - Math.min(min, low);
      return wide <= UNLIKE * Math.min(least, max - min || Infinity) || wide === 0;
    };
    const home = found.find(fits);
    if (home) {
      Object.assign(home, { min: Math.min(home.min, min), max: Math.max(home.max, max) });
      home.least = Math.min(home.least, max - min || Infinity);
      home.members.push(channel);
    } else found.push({ min, max, least: max - min || Infinity, members: [channel] });
  }
  return found;
}

/** The axis of steps: dates where they are known, else how many steps back. */
function below(steps, ahead, ends, x, height, width, left) {
  const y = height - 6;
  const line = svg('line', { x1: x(steps - 1), x2: x(steps - 1), y1: MARGIN.top + TOLD, y2: height - MARGIN.bottom, class: 'now' });
  const texts = [svg('text', { x: left, y, 'text-anchor': 'start' }, ends?.[0] ?? t('series.back', { count: steps - 1 }))];
  const now = ends?.[1] ?? t('series.last');
  const room = width - MARGIN.right - x(steps - 1);
  const anchor = room < (now.length * LETTER) / 2 ? 'end' : 'middle';
  const at = anchor === 'end' ? width - MARGIN.right : x(steps - 1);
  texts.push(svg('text', { x: at, y, 'text-anchor': anchor }, now));
  return ahead ? [line, ...texts] : texts;
}

/** What is forecast: points behind the last value, and the value of the last of them. */
function coming({ rows, unit, forecast }, scales, x, width) {
  const { channel, values } = forecast;
  const { y, top } = scales.find(({ members }) => members.includes(channel));
  const from = rows.length - 1;
  const path = [rows.at(-1)[channel], ...values];
  const points = path.map((value, n) => `${x(from + n).toFixed(1)},${y(value).toFixed(1)}`);
  const dots = values.map((value, n) => svg('circle', { cx: x(from + n + 1), cy: y(value), r: 4.5, class: 'dot' }));
  const text = number(values.at(-1)) + (unit ? ` ${unit}` : '');
  const place = { x: width - MARGIN.right + 6, y: top - 9, 'text-anchor': 'end', class: 'told' };
  return [svg('polyline', { points: points.join(' '), class: 'ahead' }), ...dots, svg('text', place, text)];
}
