// Any other model: its tensors as JSON, and the packaged samples.
import { el } from '../dom.js';
import { count } from '../format.js';
import { t } from '../i18n.js';
import { PageError } from '../errors.js';
import { sampleChips } from './samples.js';

const MOST_SHOWN = 2000;

/** A box for JSON that begins with the first sample. */
export function tensorControls({ manifest, reference }, act) {
  const box = el('textarea', { id: 'json', rows: 8, spellcheck: false });
  const total = Object.values(reference.samples[0].inputs).reduce((sum, { data }) => sum + data.length, 0);
  const small = total <= MOST_SHOWN;
  const fill = (n) => {
    if (small) box.value = written(reference.samples[n].inputs);
  };
  fill(0);
  if (!small) box.placeholder = t('tensor.large', { count: count(total) });
  const ask = el('button', { type: 'submit', className: 'main' }, t('table.predict'));
  const form = el('form', { className: 'json' }, el('label', {}, t('tensor.numbers'), box), ask);
  form.onsubmit = (event) => {
    event.preventDefault();
    try {
      act.tensors(readTensors(box.value, manifest.inputs), { what: 'JSON' });
    } catch (error) {
      act.trouble(error);
    }
  };
  return { controls: [form], samples: sampleChips(reference, act, fill), leave() {} };
}

function written(inputs) {
  const lines = Object.entries(inputs).map(
    ([name, tensor]) => `${JSON.stringify(name)}: ${JSON.stringify(nested(tensor))}`,
  );
  return `{${lines.join(',\n ')}}`;
}

/** A tensor as arrays in arrays, without its batch axis. */
export function nested({ data, shape }) {
  const values = [...data].map((value) => Number(value.toPrecision(9)));
  const axes = shape.slice(1);
  return axes.reduceRight((parts, axis, place) => {
    if (place === 0) return parts;
    const rows = [];
    for (let at = 0; at < parts.length; at += axis) rows.push(parts.slice(at, at + axis));
    return rows;
  }, axes.length ? values : values[0]);
}

/** The inputs that a JSON text holds: by name, or the bare array where there is one input. */
function readTensors(text, specs) {
  const document = parsed(text);
  const bare = specs.length === 1 && (Array.isArray(document) || typeof document === 'number');
  return Object.fromEntries(
    specs.map((spec) => {
      const value = bare ? document : document?.[spec.name];
      if (value === undefined || value === null) throw new PageError('tensor.missing', { name: spec.name });
      return [spec.name, tensor(spec, value)];
    }),
  );
}

/** What a JSON text holds. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PageError('tensor.json', { detail: error.message });
  }
}

/** Numbers in arrays as values and a shape, where an input takes them. */
export function tensor({ name, shape }, value) {
  const values = [value].flat(Infinity).map((one) => (typeof one === 'boolean' ? Number(one) : one));
  if (!values.every((one) => typeof one === 'number')) throw new PageError('tensor.number', { name });
  const fixed = shape.slice(1).reduce((product, axis) => product * (axis ?? 1), 1);
  const free = shape.slice(1).filter((axis) => axis === null).length;
  const rest = values.length / fixed;
  if (free === 0 ? rest !== 1 : !Number.isInteger(rest) || rest === 0) {
    const wanted = shape.slice(1).map((axis) => axis ?? t('facts.any')).join(' × ');
    throw new PageError('tensor.size', { name, got: count(values.length), wanted });
  }
  // One free axis takes what is left; of several the text itself says how long each is.
  const axes = free > 1 ? lengths(value, shape.length) : shape.slice(1).map((axis) => axis ?? rest);
  return { values, shape: [1, ...axes] };
}

function lengths(value, rank) {
  const found = [];
  for (let part = value; Array.isArray(part); [part] = part) found.push(part.length);
  return found.slice(-(rank - 1));
}
