// Answers as people read them: bars, a number with its unit, raw numbers on demand.
import { el } from '../dom.js';
import { number, scientific, share } from '../format.js';
import { currentLanguage, t } from '../i18n.js';

const $ = (id) => document.getElementById(id);
const TOP = 5;
const CLOSE = 0.1; // between the two likeliest
const LONG = 18; // characters of a winner that is still written large
// What a visitor has opened stays open from one answer to the next.
const open = { all: false, raw: false };

/**
 * The box for answers before there is one.
 * @param {string} [why] there is none: the page's status says it aloud, which may be out of sight
 */
export function waiting(why) {
  const text = el('p', { className: why ? 'badge fail' : 'quiet' }, why ?? t('answer.empty'));
  $('output').setAttribute('aria-live', 'off');
  $('output').replaceChildren(el('h3', {}, t('page.answer')), text);
  $('output').hidden = false;
}

/**
 * Show an answer.
 * @param {Array} specs the outputs, as in the manifest
 * @param {object} outputs {name: {data, shape}}
 * @param {object} more original (the original's outputs), ranges ({samples, ranges: {name: [min,
 *   max]}}: between what the original's answers lie, and over which samples, in words), warning,
 *   titles (words for outputs by name), document (the answer as JSON), live, act ({link, more}: more
 *   are buttons beside those for copying)
 */
export function answer(specs, outputs, more) {
  const box = $('output');
  // The toggle event of a box comes late: what stands there says whether it is open.
  open.raw = box.querySelector('details')?.open ?? open.raw;
  // Sixty answers a second would drown whoever listens.
  box.setAttribute('aria-live', more.live ? 'off' : 'polite');
  const twice = saidTwice(specs, outputs);
  // A class that is said with its probability is not said before it, too.
  const shown = specs.filter((_, n) => !twice[n]);
  const parts = shown.map((spec) => {
    const named = more.titles?.[spec.name] ?? spec.label;
    const about = target(spec) && `class_${target(spec)}`;
    const title = shown.length > 1 || named ? [el('h4', {}, named ?? (about || spec.name))] : [];
    return el('div', {}, ...title, ...rendered(spec, outputs[spec.name], more));
  });
  if (more.warning) parts.unshift(el('p', { className: 'badge warn' }, more.warning));
  box.replaceChildren(el('h3', {}, t('page.answer')), ...parts, ...details(more));
  box.hidden = false;
}

/** Labels of a classifier's columns; a sigmoid has two. */
export function labelled({ kind, classes }, data) {
  if (kind === 'probability' && data.length === 1) {
    return { labels: classes ?? [t('answer.no'), t('answer.yes')], shares: [1 - data[0], data[0]] };
  }
  const named = classes?.length === data.length;
  if (kind === 'probabilities' || (named && kind !== 'class' && kind !== 'value')) {
    const labels = classes ?? [...data.keys()].map((n) => t('answer.class', { n }));
    return { labels, shares: [...data] };
  }
  return null;
}

/** The answer in a few words, for the list of the last ones and for a table. */
export function summary(spec, { data }) {
  const columns = labelled(spec, data);
  if (columns) {
    const best = columns.shares.indexOf(Math.max(...columns.shares));
    return `${columns.labels[best]} (${share(columns.shares[best])})`;
  }
  if (spec.kind === 'class') return spec.classes?.[data[0]] ?? String(data[0]);
  const called = (value, n) => (spec.classes?.length === data.length ? `${spec.classes[n]} ` : '') + number(value);
  const shown = [...data.slice(0, 3)].map(called).join('; ');
  const rest = data.length > 3 ? '; …' : '';
  return `${shown}${rest}${spec.unit ? ` ${times(spec.unit)}` : ''}`;
}

/** The same of all outputs; a class that is said with its probability is not said before it, too. */
export function summaries(specs, outputs) {
  const twice = saidTwice(specs, outputs);
  const all = specs.map((spec) => summary(spec, outputs[spec.name]));
  return all.filter((_, n) => !twice[n]).join(' · ');
}

/** Which of several targets an output is about: class_0 and probabilities_0 are of one. */
const target = ({ name }) => /^(?:class|probabilities|scores)_(.+)$/.exec(name)?.[1] ?? '';

/** Of each output whether it is a class that another says of the same target, with its probability. */
function saidTwice(specs, outputs) {
  const all = specs.map((spec) => summary(spec, outputs[spec.name]));
  const says = (one, n) => all[one].startsWith(`${all[n]} (`) && target(specs[one]) === target(specs[n]);
  return specs.map(({ kind }, n) => kind === 'class' && specs.some((_, one) => says(one, n)));
}

/** A unit such as "1,000 USD" is a factor. */
export const times = (unit) => (/^\d/.test(unit) ? `× ${unit}` : unit);

function rendered(spec, { data, shape }, { original, ranges, titles }) {
  const { kind, classes, unit, name } = spec;
  const columns = labelled(spec, data);
  if (columns) return bars(columns);
  if (kind === 'class') {
    return [el('p', { className: 'value' }, classes?.[data[0]] ?? String(data[0]))];
  }
  const parts = [];
  if (data.length === 1) {
    const suffix = unit ? [' ', el('span', { className: 'unit' }, times(unit))] : [];
    parts.push(el('p', { className: 'value' }, number(data[0]), ...suffix));
    const ends = ranges?.ranges[name];
    if (ends) parts.push(...range(data[0], ends, unit, ranges.samples));
  } else if (classes?.length === data.length) {
    parts.push(values(classes, data, unit));
  } else {
    const first = [...data.slice(0, 12)].map(number).join('; ');
    const rest = (data.length > 12 ? '; …' : '') + (unit ? ` ${times(unit)}` : '');
    if (!titles?.[name]) parts.push(el('p', { className: 'quiet' }, shape.join(' × ')));
    parts.push(el('p', { className: 'values' }, first + rest));
  }
  const theirs = original?.[name]?.data;
  if (theirs) {
    const far = data.reduce((worst, value, n) => Math.max(worst, Math.abs(value - theirs[n])), 0);
    const text = t('answer.original', { difference: scientific(far) });
    parts.push(el('p', { className: 'quiet' }, text));
  }
  return parts;
}

/** Several values, each with what it is called. */
function values(names, data, unit) {
  const suffix = unit ? ` ${times(unit)}` : '';
  const rows = names.flatMap((name, n) => [el('dt', {}, name), el('dd', {}, number(data[n]) + suffix)]);
  return el('dl', { className: 'values named' }, ...rows);
}

/** Where a value lies among the original's answers. */
function range(value, [min, max], unit, samples) {
  const ends = { samples, min: number(min), max: number(max) + (unit ? ` ${times(unit)}` : '') };
  const words = el('p', { className: 'quiet' }, t('answer.between', ends));
  if (!(max > min)) return [];
  const mark = el('span', { className: 'mark' });
  mark.style.insetInlineStart = `${Math.min(1, Math.max(0, (value - min) / (max - min))) * 100}%`;
  return [el('div', { className: 'scale', 'aria-hidden': 'true' }, mark), words];
}

function bars({ labels, shares }) {
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
  const [first, second] = order;
  const winner = [labels[first], ' ', el('span', { className: 'unit' }, share(shares[first]))];
  const long = labels[first].length > LONG ? ' long' : '';
  const said = [el('p', { className: `value winner${long}` }, ...winner)];
  if (shares[first] - shares[second] < CLOSE) {
    said.push(el('p', { className: 'quiet unsure' }, t('answer.unsure', { label: labels[second] })));
  }
  const rows = order.map((n, place) => {
    const part = Math.max(0, Math.min(1, shares[n]));
    const fill = el('span', { className: 'fill' });
    fill.style.width = `${part * 100}%`;
    return el(
      'li',
      { hidden: place >= TOP && !open.all },
      // The winner stands above its bar.
      el('span', { className: place ? 'label' : 'label aside', 'aria-hidden': String(!place) }, labels[n]),
      el('span', { className: place ? 'share' : 'share aside', 'aria-hidden': String(!place) }, share(part)),
      el('span', { className: 'bar', 'aria-hidden': 'true' }, fill),
    );
  });
  const list = el('ol', { className: 'bars' }, ...rows);
  if (rows.length <= TOP) return [...said, list];
  const words = () => t(open.all ? 'answer.top' : 'answer.all', { count: open.all ? TOP : rows.length });
  const more = el('button', { type: 'button', className: 'plain more' }, words());
  more.onclick = () => {
    open.all = !open.all;
    rows.forEach((row, place) => (row.hidden = place >= TOP && !open.all));
    more.textContent = words();
  };
  return [...said, list, more];
}

function details({ document: json, act }) {
  const raw = el('pre', { id: 'raw', tabIndex: 0 });
  const fill = () => (raw.textContent = JSON.stringify(json, null, 1));
  const box = el('details', { open: open.raw }, el('summary', {}, t('answer.raw')), raw);
  box.setAttribute('class', 'raw');
  if (open.raw) fill();
  box.ontoggle = () => {
    const byHand = box.open !== open.raw;
    open.raw = box.open;
    if (box.open) fill();
    if (byHand) box.scrollIntoView({ block: 'nearest' }); // on a phone the answer may have moved
  };
  const said = el('span', { className: 'quiet', role: 'status' });
  const button = (id, label, text) => {
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(text());
        said.textContent = t('answer.copied');
      } catch {
        said.textContent = t('answer.uncopied');
        box.open = true;
      }
    };
    return el('button', { type: 'button', id, className: 'plain', onclick: copy }, label);
  };
  const tools = el(
    'div',
    { className: 'tools' },
    ...(act.more ?? []),
    button('copy', t('answer.copy'), () => JSON.stringify(json, null, 1)),
    button('link', t('answer.link'), act.link),
    said,
  );
  return [tools, box];
}

const MOST = 10;

/** The last answers and one more: a row that is asked about again stands there once. */
export function withAnswer(past, { what, row, words }) {
  const key = row && JSON.stringify(row);
  const again = key !== null && past[0]?.key === key;
  const named = what ?? (again ? past[0].what : rowName(row));
  return [{ what: named, key, words, at: new Date() }, ...past.slice(again ? 1 : 0)].slice(0, MOST);
}

/** A row by its first values. */
function rowName(row) {
  const values = Object.values(row).map((value) => String(value).trim().slice(0, 30) || '–');
  return values.slice(0, 4).join(', ') + (values.length > 4 ? ', …' : '');
}

/** The last answers, newest first. */
export function history(items) {
  const rows = items.map(({ what, words, at }) =>
    el(
      'li',
      {},
      el('span', { className: 'what' }, what),
      el('strong', {}, words),
      el('time', { className: 'quiet', dateTime: at.toISOString() }, clock(at)),
    ),
  );
  $('history').replaceChildren(
    el('h3', {}, t('page.history')),
    el('ol', { className: 'history' }, ...rows),
  );
  $('history').hidden = items.length < 2;
}

const clock = (at) => new Intl.DateTimeFormat(currentLanguage(), { timeStyle: 'medium' }).format(at);
