// Why an answer: what becomes of it where a part of the input is changed. Computed on the device.
import { el } from '../dom.js';
import { curves, flipOfNumber, flipsOfChoice, movable } from '../explain/columns.js';
import { occlusion } from '../explain/occlusion.js';
import { leaveOneOut } from '../explain/words.js';
import { calledOf } from '../features.js';
import { count, number, share, time } from '../format.js';
import { t } from '../i18n.js';
import { rowInput } from '../inference.js';
import { inWords, judgedBy, measure, targetOf } from '../target.js';
import { times } from './answer.js';
import { plot } from './plots.js';
import { svg } from './svg.js';
import { heatMap, placeWords } from './heat_map.js';

const FIRST = 6; // charts of columns that are shown at once
const TOLD = 5; // words
const LITTLE = 0.005; // a change of a share, or of the range of a value, that says nothing

/**
 * Explain the last answer.
 * @param {object} own the model: {manifest, features, reference, rows, model}
 * @param {{inputs: object, outputs: object, row: ?object}} asked the question and its answer
 * @returns {{leave: Function}} leave() ends it and clears the section
 */
export function whyView(own, asked) {
  const section = document.getElementById('why');
  const bar = el('progress', { 'aria-labelledby': 'why-title' });
  const status = el('p', { role: 'status', className: 'quiet' }, t('why.running'));
  const button = el('button', { type: 'button', id: 'why-stop' }, t('state.cancel'));
  const body = el('div', { id: 'why-body' });
  const title = el('h3', { id: 'why-title', tabIndex: -1 }, t('why.title'));
  section.replaceChildren(title, el('div', { className: 'state' }, status, button), bar, body);
  section.hidden = false;
  section.dataset.state = 'running';
  let stopped = false;
  const close = () => {
    section.hidden = true;
    section.replaceChildren();
  };
  button.onclick = () => {
    stopped = true;
    ended(t('why.stopped'));
  };

  function ended(words) {
    section.dataset.state = stopped ? 'stopped' : 'done';
    bar.hidden = true;
    status.textContent = words;
    button.textContent = t('why.close');
    button.onclick = close;
  }

  const tell = {
    stopped: () => stopped,
    progress(done, total) {
      [bar.max, bar.value] = [total, done];
    },
  };
  title.focus({ preventScroll: true });
  section.scrollIntoView({ block: 'nearest' });
  const target = targetOf(own.manifest.outputs, asked.outputs);
  const answer = judgedBy(target, asked.outputs);
  const started = performance.now();
  const explained = own.manifest.preprocessing ? picture : row;
  explained({ own, asked, target, answer, tell, body }).then(
    () => stopped || ended(t('why.done', { time: time(performance.now() - started) })),
    (error) => {
      if (stopped) return;
      ended(t('error.answer', { detail: error.message }));
    },
  );
  return {
    leave() {
      stopped = true;
      close();
    },
  };
}

/** A picture, as the model takes it, under the map of what it depends on. */
async function picture({ own, asked, target, answer, tell, body }) {
  const [name] = Object.keys(asked.inputs);
  const { data, shape } = asked.inputs[name];
  const { size: [height, width], color } = own.manifest.preprocessing.image;
  const size = { height, width, channels: color === 'gray' ? 1 : 3 };
  const told = { label: answer.label, now: inWords(target, measure(target, answer, asked.outputs)) };
  const map = heatMap(own.manifest.preprocessing.image, data, size);
  const words = el('p', {});
  const lead = target.kind === 'value' ? 'why.picture.value' : 'why.picture';
  body.replaceChildren(el('p', {}, t(lead, told)), el('div', { className: 'heat' }, map.element, legend(target)), words);
  const ask = async (values) => {
    const outputs = await own.model.predict({ [name]: { data: values, shape } });
    return measure(target, answer, outputs);
  };
  await occlusion(ask, Float32Array.from(data), size, {
    ...tell,
    partial: ({ grid, changes }) => map.show(grid, changes),
    level({ grid, changes }) {
      map.show(grid, changes);
      document.getElementById('why').dataset.levels = `${grid[0]}x${grid[1]}`;
      const far = target.kind === 'value' ? Array.from(changes, Math.abs) : Array.from(changes);
      const best = far.indexOf(Math.max(...far));
      const place = placeWords(grid, best);
      const most = changes[best];
      const small = target.kind !== 'value' && most < LITTLE;
      const values = { ...told, place: t(`why.place.${place}`), most: inWords(target, measure(target, answer, asked.outputs) - most) };
      words.textContent = t(small ? 'why.picture.little' : 'why.picture.most', values);
      map.element.setAttribute('aria-label', `${t('why.map')}. ${words.textContent}`);
    },
  });
}

function legend(target) {
  const line = (kind) => el('li', {}, el('span', { className: `swatch ${kind}`, 'aria-hidden': 'true' }), t(`why.${kind}${target.kind === 'value' ? '.value' : ''}`));
  return el('ul', { className: 'legend' }, line('for'), line('against'));
}

/** A row: its texts word by word, its other columns along their ranges. */
async function row({ own, asked, target, answer, tell, body }) {
  const { manifest, features, reference, rows, model } = own;
  const ask = (values) => model.predict(rowInput(manifest, features, values));
  const texts = features.filter(({ kind, name }) => kind === 'text' && String(asked.row[name] ?? '').trim());
  body.replaceChildren();
  for (const feature of texts) {
    const of = async (text) => measure(target, answer, await ask({ ...asked.row, [feature.name]: text }));
    const pieces = await leaveOneOut(of, String(asked.row[feature.name]), tell);
    if (!pieces) return;
    body.append(colouredWords(feature, pieces, target, { answer, several: features.length > 1 }));
  }
  const columns = movable(features, reference, rows, asked.row);
  if (!columns.length) {
    if (!texts.length) body.append(el('p', {}, t('why.fixed')));
    return;
  }
  const read = (outputs) => ({ best: judgedBy(target, outputs).best, measured: measure(target, answer, outputs) });
  const found = await curves(ask, read, asked.row, columns, tell);
  if (tell.stopped()) return;
  const flip = target.kind === 'value' ? null : await flipOfNumber(ask, read, asked.row, found);
  if (tell.stopped()) return;
  const now = { ...read(asked.outputs), label: answer.label };
  const told = { label: answer.label, now: inWords(target, now.measured) };
  body.append(el('p', {}, t(target.kind === 'value' ? 'why.columns.value' : 'why.columns', told)));
  if (target.kind !== 'value') body.append(flips(flip, flipsOfChoice(found), nameOf(target, asked)));
  body.append(...charts(found, target, now, rows.length));
}

const nameOf = (target, asked) => (best) => {
  const { spec } = target;
  const { data } = asked.outputs[spec.name];
  if (spec.kind === 'class') return spec.classes?.[best] ?? String(best);
  if (spec.kind === 'probability' && data.length === 1) return (spec.classes ?? [t('answer.no'), t('answer.yes')])[best];
  return spec.classes?.[best] ?? t('answer.class', { n: best });
};

/** What one column alone would have to be for another answer. */
function flips(flip, choices, name) {
  const lines = choices.map(({ column, value, best }) =>
    t('why.flip.choice', { name: calledOf(column.feature), from: column.now, to: value, label: name(best) }),
  );
  if (flip) {
    const { column, value, best, part } = flip;
    const told = { name: calledOf(column.feature), from: number(column.now), to: number(value), label: name(best), part: share(part) };
    lines.unshift(t('why.flip.number', told));
  }
  const title = el('h4', {}, t('why.flip.title'));
  const body = lines.length
    ? el('ul', {}, ...lines.map((text) => el('li', {}, text)))
    : el('p', {}, t('why.flip.none'));
  return el('div', { id: 'why-flip' }, title, body, el('p', { className: 'quiet' }, t('why.flip.about')));
}

/** A chart for each column, those that change the answer most first. */
function charts(found, target, now, samples) {
  const reach = ({ points }) => {
    const values = points.map(({ measured }) => measured);
    return Math.max(...values) - Math.min(...values);
  };
  const every = found.flatMap(({ points }) => points.map(({ measured }) => measured));
  const ends = { low: Math.min(...every), high: Math.max(...every) };
  const order = [...found].sort((a, b) => reach(b) - reach(a));
  const still = order.filter((one) => reach(one) === 0);
  const moving = order.filter((one) => reach(one) > 0);
  const made = moving.map((one, n) => {
    const chart = typeof one.column.now === 'number' ? line(one, target, now, ends) : bars(one, target, ends);
    chart.append(el('p', { className: 'quiet' }, usual(one, target, samples)));
    chart.hidden = n >= FIRST;
    return chart;
  });
  const parts = [el('div', { className: 'charts' }, ...made)];
  if (made.length > FIRST) {
    const more = el('button', { type: 'button', className: 'plain more' }, t('answer.all', { count: made.length }));
    more.onclick = () => {
      for (const chart of made) chart.hidden = false;
      more.remove();
    };
    parts.push(more);
  }
  if (still.length) {
    const names = still.map(({ column }) => calledOf(column.feature)).join(', ');
    parts.push(el('p', { className: 'quiet' }, t('why.still', { names })));
  }
  return parts;
}

function usual({ column, usual: measured }, target, samples) {
  if (measured === null) return t('why.unusual');
  const value = typeof column.typical === 'number' ? number(column.typical) : column.typical;
  const told = { value, samples: count(samples), answer: inWords(target, measured) };
  return t(column.known ? 'why.usual' : 'why.default', told);
}

function line({ column, points }, target, now, { low, high }) {
  const { feature } = column;
  const name = calledOf(feature);
  const unit = feature.unit ? ` (${feature.unit})` : '';
  const shares = target.kind !== 'value';
  const few = column.whole && points.length <= 7 ? { ends: points.length - 1 } : {};
  const x = { name: name + unit, low: points[0].value, high: points.at(-1).value, text: number, ...few };
  const y = shares
    ? { name: now.label, low: 0, high: 1, ends: 4, text: (value) => `${Math.round(value * 100)} %` }
    : { name: target.spec.unit ? times(target.spec.unit) : target.spec.name, low, high, text: number };
  const words = points.map(({ value, measured }) => `${number(value)}: ${inWords(target, measured)}`).join('; ');
  return plot({ title: name, words }, x, y, (scales) => {
    const path = points.map(({ value, measured }) => `${scales.x(value)},${scales.y(measured)}`).join(' ');
    const here = { cx: scales.x(column.now), cy: scales.y(now.measured), r: 5, class: 'point here' };
    const told = svg('title', {}, `${number(column.now)}: ${inWords(target, now.measured)}`);
    return [svg('polyline', { points: path, class: 'line' }), svg('circle', here, told)];
  });
}

function bars({ column, points }, target, { low, high }) {
  const base = target.kind === 'value' ? low : 0;
  const top = target.kind === 'value' ? high : 1;
  const rows = points.map(({ value, measured }) => {
    const fill = el('span', { className: 'fill' });
    fill.style.width = `${(100 * (measured - base)) / (top - base || 1)}%`;
    const own = value === column.now;
    return el(
      'li',
      { className: own ? 'here' : '' },
      el('span', { className: 'label' }, own ? t('why.here', { value }) : value),
      el('span', { className: 'share' }, inWords(target, measured)),
      el('span', { className: 'bar', 'aria-hidden': 'true' }, fill),
    );
  });
  const name = calledOf(column.feature);
  return el('figure', {}, el('figcaption', {}, name), el('ol', { className: 'bars chart' }, ...rows));
}

/** A text whose words are coloured by what is lost without them. */
function colouredWords(feature, pieces, target, { answer, several }) {
  const most = Math.max(...pieces.map(({ change }) => Math.abs(change ?? 0)));
  const inside = pieces.map(({ text, change }) => {
    if (change === null || !most) return text;
    const word = el('span', { className: change > 0 ? 'word for' : 'word against' }, text);
    word.style.setProperty('--much', String(Math.round(55 * Math.abs(change) / most)));
    word.title = t('why.word', { word: text, change: signed(target, change) });
    return word;
  });
  const words = pieces.filter(({ change }) => change !== null);
  const order = [...words].sort((a, b) => Math.abs(b.change) - Math.abs(a.change)).slice(0, TOLD);
  const told = order.map(({ text, change }) => el('li', {}, t('why.word', { word: text, change: signed(target, change) })));
  return el(
    'div',
    { className: 'words' },
    ...(several ? [el('h4', {}, calledOf(feature))] : []),
    el('p', {}, t(target.kind === 'value' ? 'why.text.value' : 'why.text', { label: answer.label })),
    el('blockquote', {}, ...inside),
    legend(target),
    el('ul', {}, ...told),
  );
}

/** What is lost without a word, with its sign. */
function signed(target, change) {
  const far = target.kind === 'value' ? inWords(target, Math.abs(change)) : t('why.points', { points: number(Number((Math.abs(change) * 100).toPrecision(3))) });
  return `${change < 0 ? '+' : '−'}${far}`;
}
