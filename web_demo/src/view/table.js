// The form of a table model: fields with units and ranges, and sliders that ask as they move.
import { el } from '../dom.js';
import { calledOf, toNumber, widthOf } from '../features.js';
import { number } from '../format.js';
import { t } from '../i18n.js';
import { summaries } from './answer.js';
import { csvControls } from './csv.js';
import { samplesOf } from './header.js';
import { chip, short } from './samples.js';

const TELLING = 4; // columns that tell a sample; a phone shows three
const LONGEST = 60; // characters of a text

/**
 * What the form shows where the features do not say it: the first sample's numbers, and between
 * what numbers all of the artifact's samples lie.
 */
function withSamples(features, reference) {
  const [name] = Object.keys(reference.samples[0].inputs);
  let at = 0;
  return features.map((feature, n) => {
    const place = at;
    at += widthOf(feature);
    const known = feature.min != null && feature.max != null;
    const own = { ...feature, low: feature.min, high: feature.max, seen: false };
    if (feature.kind !== 'number' || feature.categories) return own;
    const range = reference.columns?.ranges[n];
    if (known || !range) return own;
    const all = reference.samples.map(({ inputs }) => inputs[name].data[place]);
    own.default ??= short(all.find(Number.isFinite) ?? range.min);
    const [low, high] = [feature.min ?? range.min, feature.max ?? range.max];
    return Object.assign(own, { low, high, seen: true, whole: range.whole });
  });
}

/** The controls of a table model. */
export function tableControls({ entry, manifest, reference, features, rows, row: wanted }, act) {
  const samples = samplesOf(manifest, reference.columns?.samples ?? 0);
  const fields = withSamples(features, reference).map((feature) => withLive(field(feature, samples)));
  // The browser's own check would refuse a sample that lies between two steps; encodeRow checks.
  const form = el('form', { className: 'form', noValidate: true });
  form.append(...fields.map(({ element }) => element));
  form.append(el('button', { type: 'submit', className: 'main' }, t('table.predict')));
  const read = () => Object.fromEntries(fields.map(({ name, input }) => [name, input.value]));
  const told = (outputs) => {
    for (const one of fields) one.live.textContent = one === moved ? summaries(manifest.outputs, outputs) : '';
  };
  const send = (live, keep = false, what = null) => {
    const outside = fields.filter((one) => one.mark());
    const warnings = [
      ['table.warning', outside.filter(({ seen }) => !seen)],
      ['table.unseen', outside.filter(({ seen }) => seen)],
    ].filter(([, those]) => those.length);
    const names = (those) => those.map((one) => t('table.out', { name: one.called, ...one.ends })).join('; ');
    const warning = warnings.map(([key, those]) => t(key, { names: names(those), samples })).join(' ');
    act.row(read(), { live, keep, warning, what, told });
  };
  const fill = (values) => {
    for (const one of fields) {
      if (values[one.name] !== undefined && values[one.name] !== null) one.set(values[one.name]);
    }
  };
  let moved = null; // the field that is being moved, beside which a phone shows the answer
  form.oninput = ({ target }) => {
    moved = fields.find(({ element }) => element.contains(target));
    send(true);
  };
  form.onchange = () => send(false);
  form.onsubmit = (event) => {
    event.preventDefault();
    send(false, true);
  };
  const take = (n) => {
    moved = null;
    fill(rows[n]);
    send(false, true, t('table.sample', { n: n + 1 }));
  };
  const csv = csvControls(act);
  const remark = manifest.features ? [] : [el('p', { className: 'quiet' }, t('table.unnamed'))];
  if (wanted) fill(wanted);
  // An empty text is no question.
  else if (rows.length && features.some(({ kind, default: given }) => kind === 'text' && !given)) fill(rows[0]);
  return {
    controls: [...remark, form, csv.element],
    samples: rows.length ? [sampleTable(rows, telling(features, rows), truths(entry, manifest), take)] : [],
    begin: () => send(!wanted, Boolean(wanted)),
    leave: csv.leave,
  };
}

/** With a place for the answer, which machines that read aloud have elsewhere. */
function withLive(made) {
  const live = el('span', { className: 'live', 'aria-hidden': 'true' });
  made.element.append(live);
  return { ...made, live };
}

function field(feature, samples) {
  const { name, kind, unit } = feature;
  const title = el('span', { className: 'name' }, calledOf(feature));
  if (unit) title.append(el('span', { className: 'quiet' }, ` ${unit}`));
  const label = (control) => el('label', {}, title, control);
  const plain = (input, element) => ({
    name,
    input,
    element,
    set: (value) => (input.value = String(value)),
    mark: () => false,
  });
  if (kind === 'text') {
    const input = el('textarea', { name, rows: 3, value: feature.default ?? '' });
    return plain(input, el('div', { className: 'field wide' }, label(input)));
  }
  // A column of bool; of whoever wrote 0 to 1 in steps of 1, too.
  if (kind === 'number' && feature.min === 0 && feature.max === 1 && feature.step === 1) {
    const words = [t('answer.no'), t('answer.yes')];
    const empty = feature.missing === 'error' ? [] : [el('option', { value: '' }, t('table.none'))];
    const options = words.map((word, n) => el('option', { value: n }, `${word} (${n})`));
    const input = el('select', { name }, ...empty, ...options);
    const set = (value) => (input.value = toNumber(value) ?? '');
    set(feature.default ?? 0);
    return { ...plain(input, el('div', { className: 'field' }, label(input))), set };
  }
  if (feature.categories) {
    const empty = feature.missing === 'error' ? [] : [el('option', { value: '' }, t('table.none'))];
    const options = feature.categories.map((value) => el('option', { value }, value));
    const input = el('select', { name }, ...empty, ...options);
    input.value = String(feature.default ?? feature.categories[0]);
    return plain(input, el('div', { className: 'field' }, label(input)));
  }
  return numberField(feature, label, samples);
}

function numberField(feature, label, samples) {
  const { name, min, max, step, low, high, seen, whole } = feature;
  const bounded = low != null && high != null && high > low;
  const middle = bounded ? (low + high) / 2 : low ?? 0;
  const near = step ?? (bounded ? fine(high - low) : 0);
  const start = feature.default ?? (near ? round(middle, near, Math.round) : middle);
  const input = el('input', { type: 'number', name, min, max, step: step ?? 'any', value: start });
  input.inputMode = 'decimal';
  input.required = feature.missing === 'error';
  const remark = el('span', { className: 'quiet range' });
  const parts = [label(input)];
  let slider = null;
  if (bounded) {
    const each = step ?? Math.max(whole ? 1 : 0, fine(high - low));
    // A sample's 0.42 is no start for years: the slider stays on round numbers.
    const first = seen && !step ? round(low, each, Math.ceil) : low;
    const last = seen && !step ? round(high, each, Math.floor) : high;
    slider = el('input', { type: 'range', min: first, max: last, step: each });
    slider.setAttribute('aria-label', t('table.slider', { name: calledOf(feature) }));
    slider.value = String(start);
    slider.addEventListener('input', () => (input.value = slider.value));
    input.addEventListener('input', () => (slider.value = input.value));
    parts.push(slider);
  }
  const between = bounded ? { min: number(low), max: number(high), samples } : null;
  // A sample's range is of float32, to which what is typed is rounded, too.
  const exact = seen ? Math.fround : Number;
  const mark = () => {
    const value = exact(input.value);
    const out =
      bounded && input.value.trim() !== '' && (value < exact(low) || value > exact(high));
    remark.classList.toggle('trouble', out);
    if (out) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
    if (between) {
      remark.textContent = t(out ? 'table.outside' : seen ? 'table.seen' : 'table.range', between);
    }
    return out;
  };
  mark();
  if (between) parts.push(remark);
  const set = (value) => {
    input.value = String(value);
    if (slider) slider.value = String(value);
  };
  const element = el('div', { className: 'field' }, ...parts);
  const ends = between && { min: between.min, max: between.max };
  return { name, called: calledOf(feature), input, element, set, mark, seen, ends };
}

/** The next multiple of a step. */
const round = (value, step, way) => Number((way(value / step) * step).toPrecision(9));

/** About a hundred steps, each a 1, 2 or 5 with zeros. */
function fine(width) {
  const power = 10 ** Math.floor(Math.log10(width / 100));
  const [digit] = [1, 2, 5, 10].filter((one) => one * power * 100 >= width);
  return Number(((digit ?? 10) * power).toPrecision(3));
}

/** The few columns by which a person tells rows apart: those with the most values. */
function telling(features, rows) {
  const values = ({ name }) => new Set(rows.map((row) => row[name] ?? '')).size;
  const order = [...features].sort((a, b) => values(b) - values(a)).slice(0, TELLING);
  return features.filter((one) => order.includes(one));
}

const cut = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1).trimEnd()}…` : text);

function said({ kind }, value) {
  const known = kind === 'number' ? toNumber(value) : null;
  return known === null ? cut(String(value ?? '–')) : number(known);
}

/** Whether quality.js knows the true class of each sample. */
const truths = (entry, { reference }) => Boolean(entry.quality && reference.performance?.confusion);

/** The samples as a small table, of which any place of a row takes it. */
function sampleTable(rows, columns, known, take) {
  const lines = rows.map((row, n) => {
    const words = columns.map((one) => `${calledOf(one)} ${said(one, row[one.name])}`);
    const label = `${t('table.sample', { n: n + 1 })}: ${words.join(', ')}`;
    const button = el('button', { type: 'button', className: 'plain', 'aria-label': label, 'data-sample': n }, String(n + 1));
    const cells = columns.map((one) => el('td', aligned(one), said(one, row[one.name])));
    const truth = known ? [el('td', { className: 'truth' })] : [];
    return el('tr', { onclick: () => take(n) }, el('td', {}, button), ...cells, ...truth);
  });
  const heads = columns.map((one) => {
    const unit = one.unit ? [el('span', { className: 'unit' }, ` ${one.unit}`)] : [];
    return el('th', { scope: 'col', ...aligned(one) }, calledOf(one), ...unit);
  });
  const truth = known ? [el('th', { scope: 'col', className: 'truth' }, t('table.truth'))] : [];
  const table = el(
    'table',
    {},
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, '#'), ...heads, ...truth)),
    el('tbody', {}, ...lines),
  );
  return el('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('page.samples') }, table);
}

const aligned = ({ kind }) => (kind === 'number' ? { className: 'number' } : {});
