// Small plots with two axes, as SVG that fills its box: points, bars, and a diagonal.
import { el } from '../dom.js';
import { nice, svg } from './svg.js';

const WIDTH = 340;
const HEIGHT = 260;
const TOP = 12;
const RIGHT = 28;
const BOTTOM = 46;
const LETTER = 7; // the width of a character of an axis, about
const TICKS = 4;

/**
 * A figure.
 * @param {object} told title, about (a sentence below it), words (the same for whoever does not see)
 * @param {object} x {name, low, high, text(value), ends}: low to high become round unless `ends`
 *   says that they stay
 * @param {object} y the same
 * @param {function} draw gives elements for scales {x(value), y(value), floor, across}
 */
export function plot({ title, about = '', words = '' }, x, y, draw) {
  const [across, up] = [x, y].map(({ low, high, ends }) => {
    if (!ends) return nice(low, high, TICKS);
    const ticks = Array.from({ length: ends + 1 }, (_, n) => low + ((high - low) * n) / ends);
    return [low, high, ticks];
  });
  const left = 12 + 16 + LETTER * Math.max(...up[2].map((tick) => y.text(tick).length));
  const floor = HEIGHT - BOTTOM;
  const scales = {
    x: (value) => left + ((value - across[0]) / (across[1] - across[0])) * (WIDTH - RIGHT - left),
    y: (value) => floor - ((value - up[0]) / (up[1] - up[0])) * (floor - TOP),
    floor,
    across,
  };
  const grid = up[2].flatMap((tick) => [
    svg('line', { x1: left, x2: WIDTH - RIGHT, y1: scales.y(tick), y2: scales.y(tick), class: 'grid' }),
    svg('text', { x: left - 6, y: scales.y(tick) + 4, 'text-anchor': 'end' }, y.text(tick)),
  ]);
  const room = (WIDTH - RIGHT - left) / Math.max(...across[2].map((tick) => x.text(tick).length * LETTER + 10));
  const step = Math.ceil(across[2].length / Math.max(1, Math.floor(room)));
  const below = across[2]
    .filter((_, n) => n % step === 0)
    .map((tick) => svg('text', { x: scales.x(tick), y: floor + 17, 'text-anchor': 'middle' }, x.text(tick)));
  const middle = (TOP + floor) / 2;
  const names = [
    svg('text', { x: (left + WIDTH - RIGHT) / 2, y: HEIGHT - 8, 'text-anchor': 'middle', class: 'axis' }, x.name),
    svg('text', { x: 12, y: middle, 'text-anchor': 'middle', class: 'axis', transform: `rotate(-90 12 ${middle})` }, y.name),
  ];
  const size = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `${title}. ${words}` };
  return el(
    'figure',
    { className: 'plot' },
    el('figcaption', {}, title),
    svg('svg', size, ...grid, ...below, ...names, ...draw(scales)),
    ...(about ? [el('p', { className: 'quiet' }, about)] : []),
  );
}

/** From corner to corner, where both axes are the same: what is as it should be. */
export const diagonal = ({ x, y, across: [low, high] }) =>
  svg('line', { x1: x(low), y1: y(low), x2: x(high), y2: y(high), class: 'now' });
