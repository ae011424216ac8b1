// A visitor's own samples, all at once: their answers as a table, and how good these are by true ones;
// those of another version beside them where that is asked, too.
import { agree } from '../agreement.js';
import { writeCsv } from '../csv.js';
import { el } from '../dom.js';
import { PageError } from '../errors.js';
import { toNumber } from '../features.js';
import { count, number, share } from '../format.js';
import { t } from '../i18n.js';
import { pictureInput, rowInput } from '../inference.js';
import { openVersion } from '../other_version.js';
import { folderOf, pictures } from '../own/files.js';
import { classified, placesOf, regressed } from '../own/score.js';
import { readTable } from '../own/table.js';
import { classesOf, judgedBy, targetOf } from '../target.js';
import { cellsOf, MANY } from './cells.js';
import { mistaken, points, recall } from './quality.js';
import { times } from './answer.js';

const SHOWN = 50; // rows at a time
const SIDE = 40; // pixels of a thumbnail
const MOST_NUMBERS = 65_536; // of an answer; of more only the first are kept
const LABELS = /^(label|labels|target|class|y|truth|true|answer)$/i;

/**
 * Answer all of them.
 * @param {object} own the model: {entry, manifest, features, reference}
 * @param {{files?: File[], entries?: Array, table?: File}} source pictures, or a CSV
 * @param {{quiet: Function, decoded: Function, trouble: Function, words: Function}} act
 * @param {?object} beside the entry of another version, which is asked the same
 * @returns {{leave: Function}} leave() ends it and clears the section
 */
export function ownData(own, source, act, beside = null) {
  const section = document.getElementById('own');
  const bar = el('progress', { 'aria-labelledby': 'own-title' });
  const status = el('p', { role: 'status' });
  const remarks = el('div', {});
  const stop = el('button', { type: 'button', id: 'own-stop' }, t('state.cancel'));
  const title = el('h3', { id: 'own-title', tabIndex: -1 }, t('own.title'));
  const body = el('div', { id: 'own-body' });
  const controller = new AbortController(); // of the other version
  let ended = false;
  let download = null;

  function clear() {
    ended = true;
    controller.abort();
    if (download) URL.revokeObjectURL(download);
    section.hidden = true;
    section.replaceChildren();
  }

  const remark = (words) => remarks.append(el('p', { className: 'badge warn' }, words));
  const progress = (done, total) => {
    if (total) [bar.max, bar.value] = [total, done];
  };

  async function run() {
    section.replaceChildren(title, el('div', { className: 'state' }, status, stop), bar, remarks, body);
    stop.onclick = clear;
    if (beside) {
      shown();
      status.textContent = t('versions.opening', { version: beside.version });
    }
    const other = beside && (await opened(beside, controller.signal, act));
    if (ended) return;
    const given = source.table ? await tableOf(source.table, own, other) : picturesOf(source, act, { remark, progress });
    if (ended) return;
    given.other = other;
    stop.onclick = () => {
      ended = true;
      finish(given, true);
    };
    shown();
    for await (const one of given.samples) {
      if (ended) return;
      const record = { n: given.records.length, ...one.told };
      try {
        const make = await one.make(record);
        const outputs = kept(await act.quiet(make));
        const others = other && kept(await other.model.predict(make(other)));
        Object.assign(record, { outputs, others });
      } catch (error) {
        record.error = act.words(error);
      }
      if (ended) return;
      given.records.push(record);
      const done = given.records.length;
      if (done % 20 === 0 || done < 200) {
        const total = given.total();
        status.textContent = t(total ? 'several.running' : 'own.running', { done: count(done), total: count(total ?? 0) });
      }
      progress(done, given.total());
    }
    ended = true;
    finish(given, false);
  }

  function shown() {
    if (!section.hidden && section.dataset.state === 'running') return;
    section.hidden = false;
    section.dataset.state = 'running';
    title.focus({ preventScroll: true });
    section.scrollIntoView({ block: 'nearest' });
  }

  function finish(given, early) {
    controller.abort();
    bar.remove();
    stop.textContent = t('why.close');
    stop.onclick = clear;
    const { records } = given;
    const bad = records.filter(({ error }) => error !== undefined).length;
    const told = { count: count(records.length - bad), bad: count(bad) };
    status.textContent = (early ? `${t('own.stopped')} ` : '') + t(bad ? 'several.failed' : 'several.done', told);
    const versions = [{ ...own, outputs: 'outputs' }, ...(given.other ? [{ ...given.other, entry: beside, outputs: 'others' }] : [])];
    const results = resultsOf(given, versions);
    download = URL.createObjectURL(results.file());
    body.replaceChildren(...resultsView(given, versions, results, download));
    section.dataset.state = early ? 'stopped' : 'done';
  }

  run().catch((error) => {
    if (ended) return;
    clear();
    act.trouble(error);
  });
  return { leave: clear };
}

/** An answer without the memory of numbers that nobody will look at. */
function kept(outputs) {
  const short = ({ data, shape }) => ({ data: data.length > MOST_NUMBERS ? data.slice(0, MANY) : data, shape });
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, short(tensor)]));
}

/** The other version; the signal ends it, as it ends its opening. */
async function opened(entry, signal, { words }) {
  try {
    const other = await openVersion(entry, signal);
    signal.addEventListener('abort', () => other.model.dispose());
    if (signal.aborted) other.model.dispose();
    return other;
  } catch (error) {
    throw new PageError('versions.failed', { version: entry.version, detail: words(error) });
  }
}

async function tableOf(file, { features }, other) {
  const known = new Set(features.map(({ name }) => name));
  const more = (other?.features ?? []).filter(({ name }) => !known.has(name));
  const table = await readTable(file, [...features, ...more]);
  const { header, rows } = table;
  return {
    ...table,
    name: file.name.replace(/(\.csv)?$/i, '-answers.csv'),
    records: [],
    total: () => rows.length,
    samples: rows.map((cells) => ({
      told: { cells },
      make: () => (model) => rowInput(model.manifest, model.features, table.rowOf(cells)),
    })),
    label: table.others.find((at) => LABELS.test(header[at])) ?? null,
    truth: (record, at) => table.cellOf(record.cells, at),
  };
}

function picturesOf({ files = [], entries = null }, act, { remark, progress }) {
  let total = null;
  const tell = {
    remark,
    total: (found) => {
      total = found;
    },
    read: (part) => progress(part, 1),
  };
  async function* samples() {
    for await (const { path, open } of pictures(files, entries, tell)) {
      const told = { cells: [path], folder: folderOf(path) };
      yield {
        told,
        async make(record) {
          const picture = await act.decoded(await open());
          record.thumb = thumbnail(picture);
          return (model) => pictureInput(model.manifest, picture);
        },
      };
    }
  }
  return {
    header: [t('picture.file')],
    separator: ',',
    mark: '.',
    name: 'pictures-answers.csv',
    records: [],
    total: () => total,
    samples: samples(),
    pictures: true,
    label: 'folder',
    truth: (record) => record.folder,
  };
}

function thumbnail({ data, height, width }) {
  const step = Math.max(width, height) / SIDE;
  const [wide, tall] = [width, height].map((side) => Math.max(1, Math.round(side / step)));
  const small = { data: new Uint8ClampedArray(3 * wide * tall), width: wide, height: tall };
  for (let y = 0; y < tall; y += 1) {
    for (let x = 0; x < wide; x += 1) {
      const from = 3 * (Math.min(height - 1, Math.floor((y + 0.5) * step)) * width + Math.min(width - 1, Math.floor((x + 0.5) * step)));
      small.data.set(data.subarray(from, from + 3), 3 * (y * wide + x));
    }
  }
  return small;
}

function drawn({ thumb }) {
  const canvas = el('canvas', { className: 'thumb', width: SIDE, height: SIDE, 'aria-hidden': 'true' });
  if (!thumb) return canvas;
  Object.assign(canvas, { width: thumb.width, height: thumb.height });
  const image = new ImageData(thumb.width, thumb.height);
  for (let n = 0; n < thumb.width * thumb.height; n += 1) {
    image.data.set([...thumb.data.subarray(3 * n, 3 * n + 3), 255], 4 * n);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

/** Titles and cells of the answers, and the file of all. */
function resultsOf({ header, records, separator, mark, name, pictures: many }, versions) {
  const first = records.find(({ outputs }) => outputs);
  const titled = (title, { entry }) => (versions.length > 1 ? t('versions.column', { title, version: entry.version }) : title);
  const cellsBy = (record) =>
    versions.flatMap((one) =>
      cellsOf(one.manifest.outputs, record[one.outputs]).map((cell) => ({ ...cell, title: titled(cell.title, one), head: titled(cell.head, one) })),
    );
  const columns = first ? cellsBy(first) : [];
  const titles = columns.map(({ title }) => title);
  const bad = records.some(({ error }) => error !== undefined);
  const failed = bad ? [t('several.error')] : [];
  const folders = many && records.some(({ folder }) => folder);
  // Columns of an earlier download make way for the new ones.
  const places = [...header.keys()].filter((at) => ![...titles, ...failed].includes(header[at]));
  const ownOf = ({ cells, folder }) => [...places.map((at) => cells[at] ?? ''), ...(folders ? [folder] : [])];
  const givenOf = (record) => (record.outputs ? cellsBy(record) : columns.map((cell) => ({ ...cell, value: '' })));
  const names = [...places.map((at) => header[at]), ...(folders ? [t('own.folder')] : [])];
  function file() {
    const parts = ['\ufeff', writeCsv([...names, ...titles, ...failed], [], separator, mark)];
    for (let at = 0; at < records.length; at += 500) {
      const lines = records.slice(at, at + 500).map((one) => [...ownOf(one), ...givenOf(one).map(({ value }) => value), ...(bad ? [one.error ?? ''] : [])]);
      parts.push(writeCsv(lines[0], lines.slice(1), separator, mark));
    }
    return new Blob(parts, { type: 'text/csv' });
  }
  return { first, columns, names, failed, ownOf, givenOf, file, name };
}

function resultsView(given, versions, results, download) {
  const { records, header, others = [] } = given;
  const save = el('a', { href: download, className: 'button', id: 'csv-download', download: results.name }, t('several.download'));
  // What each version's answers are judged by, and so judged.
  const sides = versions.map((one) => {
    const first = results.first?.[one.outputs] ?? null;
    const target = first && targetOf(one.manifest.outputs, first);
    const judged = target ? records.map((record) => record[one.outputs] && judgedBy(target, record[one.outputs])) : [];
    return { ...one, first, target, judged, truths: [], nameOf: null };
  });
  const [mine, theirs] = sides;
  const figures = el('div', { id: 'own-figures' });
  const state = { sides, differs: theirs ? records.map((record) => differing(record, mine, theirs)) : null, only: null, order: 'given' };
  const listed = listView(given, results, state);
  const labels = el('select', { id: 'own-label' });
  labels.append(el('option', { value: '' }, t('own.none')), ...others.map((at) => el('option', { value: at }, header[at])));
  labels.value = given.label ?? '';
  const truth = el('label', { className: 'choice' }, el('span', {}, t('own.label')), labels);
  truth.hidden = given.pictures || !others.length;
  const mark = (places) => {
    state.only = new Set(places);
    listed.draw();
  };

  function judge() {
    const label = given.pictures ? 'folder' : labels.value === '' ? null : Number(labels.value);
    const texts = label === null || !mine.target ? null : records.map((record) => String(given.truth(record, label)).trim());
    state.only = null;
    const parts = sides.map((side) => {
      Object.assign(side, { truths: [], nameOf: null });
      const found = texts && side.target ? scored(texts, side, mark) : [];
      const title = theirs && found.length ? [el('h4', {}, t('facts.version', { version: side.entry.version }))] : [];
      return [...title, ...found];
    });
    figures.replaceChildren(...(theirs ? compared(state, mark) : []), ...parts.flat());
    state.order = theirs ? 'differ' : mine.truths.length && mine.target.kind !== 'value' ? 'errors' : 'given';
    listed.draw();
  }

  labels.onchange = judge;
  judge();
  return [truth, figures, el('div', { className: 'tools' }, save, listed.controls), listed.element];
}

/** Whether two versions answer a sample differently; null where one of them did not. */
function differing({ outputs, others }, mine, theirs) {
  if (!outputs || !others) return null;
  return !agree(mine.manifest.outputs, outputs, theirs.manifest.outputs, others, mine.reference.whole);
}

/** How often two versions agree, and which of them is right where they do not. */
function compared({ sides: [mine, theirs], differs }, mark) {
  const both = [...differs.keys()].filter((n) => differs[n] !== null);
  const places = both.filter((n) => differs[n]);
  const same = both.length - places.length;
  const told = { value: share(both.length ? same / both.length : 0), same: count(same), samples: count(both.length) };
  const button = el('button', { type: 'button', id: 'own-differ', className: 'plain', disabled: !places.length, onclick: () => mark(places) });
  button.textContent = t('versions.differ', { count: count(places.length) });
  const parts = [el('p', { id: 'own-agree' }, t('versions.agree', told), ' ', button)];
  if (!mine.nameOf || !theirs.nameOf) return parts;
  const right = ({ truths, judged }, n) => truths[n] !== null && judged[n].best === truths[n];
  const gained = places.filter((n) => right(theirs, n) && !right(mine, n)).length;
  const lost = places.filter((n) => right(mine, n) && !right(theirs, n)).length;
  const versions = { shown: mine.entry.version, version: theirs.entry.version };
  return [...parts, el('p', { id: 'own-gained' }, t('versions.gained', { ...versions, gained: count(gained), lost: count(lost) }))];
}

/** How good the answers of a version are; fills its truths with what each should have been. */
function scored(texts, side, mark) {
  const { judged, target } = side;
  if (target.kind === 'value') {
    const pairs = texts.map((text, n) => [text === '' ? null : toNumber(text), judged[n]?.value]);
    const sound = pairs.filter(([is, said]) => is !== null && Number.isFinite(said));
    if (sound.length < 2) return [];
    side.truths = pairs.map(([is]) => is);
    const { unit } = target.spec;
    const { half, most, r2, mae } = regressed(sound);
    const far = (value) => number(Number(value.toPrecision(3))) + (unit ? ` ${times(unit)}` : '');
    const figures = `R² ${number(Number(r2.toPrecision(4)))}, MAE ${far(mae)}`;
    const lead = t('quality.off', { half: far(half), most: far(most), figures, samples: count(sound.length) });
    return [el('p', {}, lead), el('div', { className: 'charts' }, points({ points: sound.slice(0, 400) }, unit))];
  }
  const known = classesOf(target, side.first);
  const size = known?.length ?? Math.max(...judged.map((one) => one?.best ?? 0)) + 1;
  const places = placesOf(texts, target.spec.classes ?? null, size);
  const judgedOnes = [...texts.keys()].filter((n) => places[n] !== null && judged[n]);
  if (!judgedOnes.length) return texts.some(Boolean) ? [el('p', { className: 'quiet' }, t('own.unlabelled'))] : [];
  side.truths = places;
  const strange = [...new Set(texts.filter((text, n) => text && places[n] === null))];
  const nameOf = (n) => known?.[n] ?? String(n);
  side.nameOf = nameOf;
  const pairs = judgedOnes.map((n) => [places[n], judged[n].best]);
  const { hits, samples, low, high, confusion, classes } = classified(pairs, size);
  const told = { value: share(hits / samples), hits: count(hits), samples: count(samples), low: share(low), high: share(high) };
  const how = {
    mark: (chosen) => mark(chosen.map((n) => judgedOnes[n])),
    words: { click: 'own.click', marked: 'own.marked' },
  };
  return [
    el('p', { className: 'lead' }, t('own.right', told)),
    ...(strange.length ? [el('p', { className: 'quiet' }, t('own.strange', { names: strange.slice(0, 5).join(', ') }))] : []),
    el('div', { className: 'charts' }, ...mistaken(confusion, nameOf, pairs, how), recall(classes, nameOf)),
  ];
}

const ORDERS = {
  given: () => (a, b) => a - b,
  differ: ({ sides, differs }) => (a, b) => distance(b, sides, differs) - distance(a, sides, differs) || a - b,
  errors: ({ sides: [{ truths, judged }] }) => (a, b) => wrongness(truths[b], judged[b]) - wrongness(truths[a], judged[a]) || a - b,
  unsure: ({ sides: [{ judged }] }) => (a, b) => (judged[a]?.sure ?? -1) - (judged[b]?.sure ?? -1),
  sure: ({ sides: [{ judged }] }) => (a, b) => (judged[b]?.sure ?? -1) - (judged[a]?.sure ?? -1),
};

/** Rows that differ first; of values those that are furthest from each other. */
function distance(n, [mine, theirs], differs) {
  if (!differs[n]) return -1;
  const far = Math.abs(mine.judged[n]?.value - theirs.judged[n]?.value);
  return Number.isFinite(far) ? far : 0;
}

/** Wrong answers first, the surest of them before all; of values the furthest. */
function wrongness(truth, one) {
  if (!one || truth === null || truth === undefined) return -2;
  if (one.value !== null) return Math.abs(one.value - truth);
  return one.best === truth ? -1 : one.sure ?? 0;
}

/** The table, some rows at a time, in an order that can be chosen. */
function listView({ records, pictures: many }, results, state) {
  const { names, columns, failed, ownOf, givenOf } = results;
  const order = el('select', { id: 'own-order' });
  const all = el('button', { type: 'button', className: 'plain', id: 'own-all', hidden: true }, t('own.all'));
  const table = el('tbody', {});
  const head = el('tr', {});
  const more = el('button', { type: 'button', className: 'plain more' });
  const remark = el('p', { className: 'quiet' }, columns.some(({ aside }) => aside) ? t('several.columns') : '');
  let sorted = [];
  const [mine] = state.sides;
  const sure = mine.judged.some((one) => one && one.sure !== null);
  const onPage = (cells, of) => cells.filter(({ aside }) => !aside).map(of);
  // A single text says better than a number which row it is; else the answer is first, to be seen on a phone.
  const ordered = (own, rest, n) => {
    if (many) return [...rest, ...own];
    return names.length === 1 ? [...own, ...rest] : [n, ...rest, ...own];
  };

  function row(n) {
    const one = records[n];
    const words = onPage(givenOf(one), ({ value }) => brief(value));
    if (sure) words.push(mine.judged[n] ? share(mine.judged[n].sure) : '');
    const cells = ordered(ownOf(one), [...words, ...(failed.length ? [one.error ?? ''] : [])], n + 1);
    const parts = cells.map((value) => el('td', {}, String(value)));
    for (const side of [...state.sides].reverse()) if (side.nameOf) parts.unshift(verdict(side, n));
    if (state.differs) parts.unshift(el('td', {}, state.differs[n] ? '≠' : ''));
    if (many) parts.unshift(el('td', {}, drawn(one)));
    return el('tr', {}, ...parts);
  }

  function grow() {
    const from = table.children.length;
    table.append(...sorted.slice(from, from + SHOWN).map(row));
    const left = sorted.length - table.children.length;
    more.hidden = left <= 0;
    more.textContent = t('own.more', { count: count(Math.min(left, SHOWN)), left: count(left) });
  }

  function draw() {
    const choices = ['given', ...(state.differs ? ['differ'] : []), ...(mine.truths.length ? ['errors'] : []), ...(sure ? ['unsure', 'sure'] : [])];
    order.replaceChildren(...choices.map((value) => el('option', { value }, t(`own.order.${value}`))));
    order.value = state.order;
    const shown = [...onPage(columns, ({ head }) => head), ...(sure ? [t('own.sure')] : [])];
    const heads = ordered(names, [...shown, ...failed], t('several.row'));
    for (const { nameOf, entry } of [...state.sides].reverse()) {
      const title = t('own.judged');
      if (nameOf) heads.unshift(state.differs ? t('versions.column', { title, version: entry.version }) : title);
    }
    if (state.differs) heads.unshift(t('versions.differs'));
    if (many) heads.unshift(t('own.picture'));
    head.replaceChildren(...heads.map((text) => el('th', { scope: 'col' }, text)));
    sorted = [...records.keys()].filter((n) => !state.only || state.only.has(n)).sort(ORDERS[state.order](state));
    all.hidden = !state.only;
    table.replaceChildren();
    grow();
  }

  order.onchange = () => {
    state.order = order.value;
    draw();
  };
  all.onclick = () => {
    state.only = null;
    draw();
  };
  more.onclick = grow;
  const region = { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('several.table') };
  const element = el('div', {}, remark, el('div', region, el('table', { id: 'own-table' }, el('thead', {}, head), table)), more);
  const controls = el('span', { className: 'tools' }, el('label', { className: 'choice' }, el('span', {}, t('own.order')), order), all);
  return { element, controls, draw };
}

/** Whether an answer is right, where that is known. */
function verdict({ truths, judged, nameOf }, n) {
  const known = judged[n] && (truths[n] ?? null) !== null;
  const wrong = known && judged[n].best !== truths[n];
  const told = wrong ? `✗ ${t('quality.truly', { name: nameOf(truths[n]) })}` : known ? '✓' : '';
  return el('td', { className: wrong ? 'wrong' : '' }, told);
}

const brief = (value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);
