// How good the model and its files are by the true labels.
import { el } from '../dom.js';
import { json } from '../fetching.js';
import { count, number, share, size } from '../format.js';
import { t } from '../i18n.js';
import { placeOf } from '../paths.js';
import { times } from './answer.js';
import { fileName } from './header.js';
import { diagonal, plot } from './plots.js';
import { svg } from './svg.js';

const MOST_BARS = 12;
const MOST_SIDE = 15; // classes whose matrix is shown at once
const FEW = 4; // classes whose matrix and bars stand beside a chart

/** The section; nothing where the samples had no labels. */
export function qualityView({ entry, file, manifest }) {
  const section = document.getElementById('quality');
  const { performance } = manifest.reference;
  section.hidden = !performance;
  if (!performance) return;
  const { classes, unit } = manifest.outputs.find((output) => output.name === performance.output);
  const nameOf = (n) => classes?.[n] ?? String(n);
  const lead = el('p', { id: 'quality-lead' }, worded(performance, unit));
  const charts = el('div', { className: 'charts' });
  charts.append(...mistaken(performance.confusion, nameOf, []));
  section.replaceChildren(el('h3', { id: 'quality-title' }, t('quality.title')), lead, ...ofFile(), charts);
  if (entry.quality) {
    json(new URL(`?${entry.revision}`, placeOf(entry, entry.quality))).then(fill, () => {}); // the rest stays
  }

  function ofFile() {
    const own = performanceOf(manifest, file);
    if (!own) return [];
    const told = { file: fileName(file), figures: figures(own.values, unit), original: figures(own.original, unit) };
    if (told.figures === told.original) return [];
    return [el('p', { className: 'quiet' }, t('quality.file', { ...told, samples: count(own.samples) }))];
  }

  function fill(found) {
    for (const [n, [is]] of (found.shown ?? []).entries()) truth(n, nameOf(is));
    lead.textContent = found.accuracy ? sure(found) : off(found, performance, unit);
    const parts = found.accuracy
      ? [
          ...mistaken(performance.confusion, nameOf, found.shown),
          recall(found.classes, nameOf),
          ...(found.calibration ? [calibration(found.calibration)] : []),
        ]
      : [points(found, unit), residuals(found, unit)];
    charts.replaceChildren(...parts, ...files(entry, manifest, performance));
  }
}

/** The true answer beside a packaged sample. */
function truth(n, name) {
  const button = document.querySelector(`#samples [data-sample="${n}"]`);
  if (!button) return;
  const label = button.getAttribute('aria-label');
  const told = t('quality.truly', { name });
  if (label) button.setAttribute('aria-label', `${label}, ${told}`);
  if (button.title) button.title = `${button.title}, ${told}`;
  const place = (button.closest('tr') ?? button).querySelector('.truth');
  if (place) place.textContent = name;
  else button.append(el('span', { className: 'truth' }, told));
}

/** What verify found of a file by the same labels. */
function performanceOf(manifest, { file }) {
  return manifest.artifacts
    .find(({ files: own }) => own.some(({ path }) => path === file))
    ?.verification?.find((row) => row.performance)?.performance;
}

function worded({ values, samples }, unit) {
  return t('quality.figures', { figures: figures(values, unit), samples: count(samples) });
}

function figures(values, unit) {
  const inUnits = (name) => (['MAE', 'RMSE'].includes(name) && unit ? ` ${times(unit)}` : '');
  return Object.entries(values).map(([name, value]) => figure(name, value) + inUnits(name)).join(', ');
}

function figure(name, value) {
  const names = { accuracy: 'quality.accuracy', 'macro F1': 'quality.f1' };
  const shown = name === 'accuracy' ? share(value) : number(Number(value.toPrecision(4)));
  return `${names[name] ? t(names[name]) : name} ${shown}`;
}

function sure({ accuracy, samples }) {
  const { value, low, high } = accuracy;
  return t('quality.right', { value: share(value), samples: count(samples), low: share(low), high: share(high) });
}

function off({ errors, samples }, { values }, unit) {
  const far = (value) => number(Number(value.toPrecision(3))) + (unit ? ` ${times(unit)}` : '');
  const told = { half: far(errors[0]), most: far(errors[1]), figures: figure('R²', values['R²']) };
  return t('quality.off', { ...told, samples: count(samples) });
}

const OF_SAMPLES = { mark: markSamples, words: { click: 'quality.click', marked: 'quality.marked' } };

/**
 * The confusion matrix, whose cells mark their samples; of many classes the pairs mistaken most.
 * @param {?{counts: string[], pairs: string[]}} confusion as in the manifest
 * @param {(n: number) => string} nameOf a class
 * @param {Array<[number, number]>} shown the true and the answered class of the samples that can be marked
 * @param {{mark: (places: number[]) => void, words: {click: string, marked: string}}} [how]
 */
export function mistaken(confusion, nameOf, shown, { mark, words } = OF_SAMPLES) {
  if (!confusion) return [];
  const { counts, pairs } = confusion;
  const title = el('figcaption', {}, t('quality.confusion'));
  const lines = pairs.map((pair) => pair.split(' ')).map(([is, said, times_]) =>
    el('li', {}, t('quality.pair', { is: nameOf(is), said: nameOf(said), times: count(Number(times_)) })));
  const most = el('ul', {}, ...lines);
  if (!counts.length) return [el('figure', {}, title, most)];
  const told = el('p', { className: 'quiet', role: 'status' }, shown.length ? t(words.click) : '');
  const heads = counts.map((_, n) => el('th', { scope: 'col', className: 'number' }, nameOf(n)));
  const rows = counts.map((row, is) => {
    const cells = row.split(' ').map((value, said) => {
      const hit = said === is ? ' hit' : ' miss';
      const content = count(Number(value));
      const own = [...shown.keys()].filter((n) => shown[n][0] === is && shown[n][1] === said);
      const label = t('quality.pair', { is: nameOf(is), said: nameOf(said), times: content });
      const onclick = () => {
        told.textContent = `${label}. ${t(words.marked, { count: count(own.length) })}`;
        mark(own);
      };
      const inside = own.length ? el('button', { type: 'button', 'aria-label': label, onclick }, content) : content;
      return el('td', { className: `number${value === '0' ? ' none' : hit}` }, inside);
    });
    return el('tr', {}, el('th', { scope: 'row' }, nameOf(is)), ...cells);
  });
  const table = el(
    'table',
    { className: 'confusion' },
    el('thead', {}, el('tr', {}, el('th', {}, t('quality.corner')), ...heads)),
    el('tbody', {}, ...rows),
  );
  const region = { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('quality.confusion') };
  const many = counts.length > FEW ? 'many' : '';
  const whole = [el('div', region, table), told];
  if (counts.length <= MOST_SIDE || !lines.length) return [el('figure', { className: many }, title, ...whole)];
  const more = el('details', {}, el('summary', { className: 'quiet' }, t('quality.whole', { count: counts.length })), ...whole);
  return [el('figure', { className: many }, title, most, more)];
}

/** Mark packaged samples by their places, and go to the first. */
function markSamples(places) {
  const buttons = [...document.querySelectorAll('#samples [data-sample]')];
  for (const button of buttons) button.toggleAttribute('data-marked', places.includes(Number(button.dataset.sample)));
  const first = buttons.find((button) => button.hasAttribute('data-marked'));
  first?.scrollIntoView({ block: 'center' });
  first?.focus({ preventScroll: true });
}

/** Of each class how many were found; of many classes those that are found least. */
export function recall(classes, nameOf) {
  const all = classes.map(([is, hits, said], n) => ({ name: nameOf(n), is, hits, said, found: hits / is }));
  const there = all.filter(({ is }) => is);
  const most = there.length > MOST_BARS ? [...there].sort((a, b) => a.found - b.found).slice(0, MOST_BARS) : there;
  const rows = most.map(({ name, is, hits, said, found }) => {
    const fill = el('span', { className: 'fill' });
    fill.style.width = `${found * 100}%`;
    const told = { hits: count(hits), is: count(is), said: count(said) };
    return el(
      'li',
      {},
      el('span', { className: 'label' }, name),
      el('span', { className: 'share' }, share(found)),
      el('span', { className: 'bar', 'aria-hidden': 'true' }, fill),
      el('span', { className: 'quiet' }, t('quality.class', told)),
    );
  });
  const title = t(most === there ? 'quality.recall' : 'quality.least', { count: MOST_BARS });
  return el('figure', {}, el('figcaption', {}, title), el('ol', { className: `bars chart plain${most.length > FEW ? ' many' : ''}` }, ...rows));
}

const WHOLE = { low: 0, high: 1, ends: 4, text: (value) => `${Math.round(value * 100)} %` };

function calibration({ bins, error }) {
  const most = Math.max(...bins.map(({ samples }) => samples));
  const told = {
    title: t('quality.calibration'),
    about: t('quality.calibrated', { error: share(error) }),
    words: bins.map(({ confidence, accuracy }) => `${share(confidence)}: ${share(accuracy)}`).join('; '),
  };
  const axes = ['quality.confidence', 'quality.share'].map((key) => ({ ...WHOLE, name: t(key) }));
  return plot(told, ...axes, (scales) => [
    diagonal(scales),
    ...bins.map(({ confidence, accuracy, samples }) => {
      const title = svg('title', {}, t('quality.bin', { samples: count(samples), accuracy: share(accuracy), confidence: share(confidence) }));
      const r = 3 + 6 * Math.sqrt(samples / most);
      return svg('circle', { cx: scales.x(confidence), cy: scales.y(accuracy), r, class: 'point' }, title);
    }),
  ]);
}

/** Predictions against the truth. */
export function points({ points: pairs }, unit) {
  const every = pairs.flat();
  const [low, high] = [Math.min(...every), Math.max(...every)];
  const suffix = unit ? ` (${times(unit)})` : '';
  const axis = (key) => ({ name: t(key) + suffix, low, high, text: number });
  const told = { title: t('quality.points'), about: t('quality.pointed', { count: count(pairs.length) }) };
  return plot(told, axis('quality.true'), axis('quality.predicted'), (scales) => [
    diagonal(scales),
    ...pairs.map(([is, said]) => svg('circle', { cx: scales.x(is), cy: scales.y(said), r: 3.5, class: 'point' })),
  ]);
}

function residuals({ residuals: { edges, counts } }, unit) {
  const suffix = unit ? ` (${times(unit)})` : '';
  const x = { name: t('quality.residual') + suffix, low: edges[0], high: edges.at(-1), text: number };
  const y = { name: t('quality.count'), low: 0, high: Math.max(...counts), text: number };
  return plot({ title: t('quality.residuals'), about: t('quality.spread') }, x, y, (scales) => [
    svg('line', { x1: scales.x(0), x2: scales.x(0), y1: scales.y(y.high), y2: scales.floor, class: 'now' }),
    ...counts.map((value, n) => {
      const [left, right] = [scales.x(edges[n]), scales.x(edges[n + 1])];
      const place = { x: left + 0.5, width: right - left - 1, y: scales.y(value), height: scales.floor - scales.y(value) };
      return svg('rect', { ...place, class: 'column' }, svg('title', {}, count(value)));
    }),
  ]);
}

/** Size and how good, where labels have judged files that are compressed. */
function files(entry, manifest, { values }) {
  const [name] = Object.keys(values);
  const judged = entry.files
    .map((one) => ({ ...one, own: performanceOf(manifest, one) }))
    .filter(({ own }) => own?.values[name] !== undefined);
  if (judged.every(({ strict }) => strict)) return [];
  const rows = judged.map((one) => {
    const { values: now, original } = one.own;
    const told = [size(one.brotli_bytes ?? one.bytes), figure(name, now[name]), change(name, now[name] - original[name])];
    const cells = told.map((text) => el('td', { className: 'number' }, text));
    return el('tr', {}, el('th', { scope: 'row' }, fileName(one)), ...cells);
  });
  const columns = ['file', 'download', 'answers', 'change'];
  const heads = columns.map((key, n) => el('th', { scope: 'col', className: n ? 'number' : '' }, t(`quality.files.${key}`)));
  const table = el('table', {}, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...rows));
  const region = { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('quality.files') };
  return [el('figure', { className: 'files' }, el('figcaption', {}, t('quality.files')), el('div', region, table))];
}

function change(name, value) {
  const far = Math.abs(value);
  if (far < 1e-6) return t('quality.same');
  return (value > 0 ? '+' : '−') + (name === 'accuracy' ? share(far) : number(Number(far.toPrecision(2))));
}
