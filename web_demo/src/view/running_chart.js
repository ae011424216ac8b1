// The answers of the last seconds as lines, while the camera asks.
import { el } from '../dom.js';
import { number } from '../format.js';
import { t } from '../i18n.js';
import { inWords, judgedBy, targetOf } from '../target.js';
import { plot } from './plots.js';
import { svg } from './svg.js';

const SECONDS = 20;
const MOST = 5; // lines
const EACH = 200; // milliseconds between two drawings

/**
 * @param {Array} specs the outputs, as in the manifest
 * @returns {{element: Element, add: (outputs: object) => void}}
 */
export function runningChart(specs) {
  const element = el('div', { className: 'running', hidden: true });
  let points = []; // {at, answer}
  let drawn = 0;

  function add(outputs) {
    const target = targetOf(specs, outputs);
    if (!target || target.kind === 'class') return;
    const at = performance.now();
    points = [...points, { at, answer: judgedBy(target, outputs) }].filter((one) => at - one.at <= SECONDS * 1000);
    if (points.length < 3 || at - drawn < EACH) return;
    drawn = at;
    element.hidden = false;
    element.replaceChildren(chart(target, points, at));
  }

  return { element, add };
}

function chart(target, points, now) {
  const shares = target.kind === 'share';
  const lines = shares ? winners(points) : [{ name: target.spec.label ?? target.spec.name, of: ({ value }) => value }];
  const values = points.map(({ answer }) => answer.value);
  const x = { name: t('camera.seconds'), low: -SECONDS, high: 0, ends: 4, text: number };
  const y = shares
    ? { name: '', low: 0, high: 1, ends: 4, text: (value) => `${Math.round(value * 100)} %` }
    : { name: target.spec.unit ?? '', low: Math.min(...values), high: Math.max(...values), text: number };
  const last = points.at(-1).answer;
  const words = lines.map(({ name, of }) => `${name}: ${inWords(target, of(last))}`).join('; ');
  const figure = plot({ title: t('camera.chart'), words }, x, y, (scales) =>
    lines.map(({ of }, n) => {
      const path = points.map(({ at, answer }) => `${scales.x((at - now) / 1000).toFixed(1)},${scales.y(of(answer)).toFixed(1)}`);
      return svg('polyline', { points: path.join(' '), class: `line line-${n}` });
    }),
  );
  const keys = lines.map(({ name }, n) => {
    const line = svg('line', { x1: 1, y1: 6, x2: 23, y2: 6, class: `line line-${n}` });
    return el('li', {}, svg('svg', { width: 24, height: 12, 'aria-hidden': 'true' }, line), name);
  });
  figure.append(el('ul', { className: 'legend' }, ...(shares ? keys : [])));
  return figure;
}

/** The classes that have won in these seconds, by their places, so that each keeps its colour. */
function winners(points) {
  const times = new Map();
  for (const { answer } of points) times.set(answer.best, (times.get(answer.best) ?? 0) + 1);
  const most = [...times].sort((a, b) => b[1] - a[1]).slice(0, MOST).map(([best]) => best);
  const name = (best) => points.find(({ answer }) => answer.best === best).answer.label;
  return most.sort((a, b) => a - b).map((best) => ({ name: name(best), of: ({ shares }) => shares[best] }));
}
