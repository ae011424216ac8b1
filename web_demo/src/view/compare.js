// The compare view: a table and a chart of every file on the visitor's device, and two versions on
// the visitor's own data.
import { measure, waysToRun } from '../benchmark.js';
import { el } from '../dom.js';
import { percent, size, time } from '../format.js';
import { t } from '../i18n.js';
import { words } from '../errors.js';
import { chooser } from './drop.js';
import { fileName } from './header.js';

const $ = (id) => document.getElementById(id);
const COLUMNS = ['file', 'runs', 'download', 'first', 'median', 'distance'];

/**
 * The section; it runs nothing before its button is pressed. leave() stops what runs.
 * @param {object} model what is shown
 * @param {{several: Function}} act several(source, entry) asks another version all of a source, too
 */
export function compareView(model, act) {
  const section = $('compare');
  const start = el('button', { type: 'button', id: 'compare-start' }, t('compare.start'));
  const status = el('p', { className: 'quiet', role: 'status', id: 'compare-status' });
  const results = el('div', {});
  let stopping = null;

  async function run() {
    stopping = new AbortController();
    const { signal } = stopping;
    start.textContent = t('compare.stop');
    section.dataset.state = 'running';
    const ways = (await waysToRun(model.entry.files)).map((way) => ({ ...way, result: null, error: null }));
    for (const [n, way] of ways.entries()) {
      if (signal.aborted) break;
      const what = `${fileName(way.file)}, ${way.runtime} ${way.backend}`;
      status.textContent = t('compare.running', { done: n + 1, total: ways.length, what });
      results.replaceChildren(...shown(ways));
      try {
        way.result = await measure(way, { ...model, signal });
      } catch (error) {
        if (!signal.aborted) way.error = words(error);
      }
    }
    results.replaceChildren(...shown(ways));
    status.textContent = signal.aborted ? t('state.stopped') : t('compare.done', { total: ways.length });
    start.textContent = t('compare.start');
    section.dataset.state = signal.aborted ? 'stopped' : 'done';
    stopping = null;
  }

  start.onclick = () => (stopping ? stopping.abort() : run());
  section.replaceChildren(
    el('h3', { id: 'compare-title' }, t('compare.title')),
    el('p', { className: 'quiet' }, t('compare.about')),
    el('div', { className: 'tools' }, start, status),
    results,
    ...versions(model, act),
  );
  section.hidden = false;
  delete section.dataset.state;
  return { leave: () => stopping?.abort() };
}

/** Another version of the site beside this one, on pictures or rows that the visitor has. */
function versions({ entry, manifest, features }, act) {
  const { preprocessing, series, inputs } = manifest;
  const pictures = Boolean(preprocessing);
  if (!entry.others.length || inputs.length > 1 || !(pictures || (features && !series))) return [];
  const { canary, shadow } = entry.release ?? {};
  const live = (version) => [canary?.version, shadow, entry.release?.stable].includes(version);
  const listed = [...entry.others].reverse().sort((a, b) => live(b.version) - live(a.version));
  const options = listed.map(({ version }, n) => el('option', { value: n }, version));
  const choice = el('select', { id: 'compare-version' }, ...options);
  const take = (source) => act.several(source, listed[choice.value]);
  const given = (properties, words, take_) =>
    chooser({ className: 'drop small', title: t(`versions.${words}`), hint: t(`versions.${words}.hint`), ...properties }, take_);
  const many = (files) => files.length && take({ files });
  const boxes = pictures
    ? [
        given({ id: 'compare-pictures', accept: 'image/*,.zip', multiple: true }, 'pictures', many),
        given({ id: 'compare-folder', webkitdirectory: true }, 'folder', many),
      ]
    : [given({ id: 'compare-csv', accept: '.csv,text/csv' }, 'csv', ([file]) => file && take({ table: file }))];
  const label = t('versions.beside', { version: entry.version });
  return [
    el('h4', {}, t('versions.title')),
    el('p', { className: 'quiet' }, t('versions.about')),
    el('label', { className: 'choice' }, el('span', {}, label), choice),
    ...boxes,
  ];
}

function shown(ways) {
  const head = COLUMNS.map((name) => el('th', { scope: 'col' }, t(`compare.${name}`)));
  const rows = ways.map(({ file, runtime, backend, result, error }) => {
    const cells = [
      el('th', { scope: 'row' }, fileName(file)),
      el('td', {}, `${runtime} · ${backend}`),
      el('td', { className: 'number' }, size(file.brotli_bytes)),
    ];
    if (result) {
      const distance = el('td', { className: result.pass ? 'number' : 'number trouble' });
      distance.textContent = `${percent(result.distance)}${result.pass ? '' : ' ✗'}`;
      const times = [result.first, result.median].map((ms) => el('td', { className: 'number' }, time(ms)));
      cells.push(...times, distance);
    } else {
      const text = error ? t('compare.failed', { detail: error }) : t('compare.wait');
      cells.push(el('td', { colSpan: 3, className: error ? 'trouble' : 'quiet' }, text));
    }
    return el('tr', {}, ...cells);
  });
  const table = el(
    'table',
    {},
    el('thead', {}, el('tr', {}, ...head)),
    el('tbody', {}, ...rows),
  );
  const label = { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('compare.title') };
  const done = ways.filter(({ result }) => result);
  const charts = done.length ? [chart('median', done), chart('download', done)] : [];
  return [
    el('div', label, table),
    el('p', { className: 'quiet' }, t('compare.caption')),
    el('div', { className: 'charts' }, ...charts),
  ];
}

/** Bars, the shortest first; the table has the same numbers for those who do not see them. */
function chart(kind, ways) {
  const download = kind === 'download';
  let bars = ways.map(({ file, runtime, backend, result }) => ({
    name: download ? fileName(file) : `${fileName(file)} · ${runtime} ${backend}`,
    value: download ? file.brotli_bytes : result.median,
  }));
  if (download) bars = bars.filter(({ name }, n) => bars.findIndex((bar) => bar.name === name) === n);
  bars.sort((a, b) => a.value - b.value);
  const most = Math.max(...bars.map(({ value }) => value), 1e-9);
  const rows = bars.map(({ name, value }) => {
    const fill = el('span', { className: 'fill' });
    fill.style.width = `${(value / most) * 100}%`;
    return el(
      'li',
      {},
      el('span', { className: 'label' }, name),
      el('span', { className: 'share' }, download ? size(value) : time(value)),
      el('span', { className: 'bar', 'aria-hidden': 'true' }, fill),
    );
  });
  return el(
    'figure',
    {},
    el('figcaption', {}, t(`compare.chart.${kind}`)),
    el('ol', { className: 'bars chart' }, ...rows),
  );
}
