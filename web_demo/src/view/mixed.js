// A picture beside other inputs: a field for each of a few numbers, JSON for more, and one question.
import { el } from '../dom.js';
import { PageError } from '../errors.js';
import { imageSpec } from '../inference.js';
import { t } from '../i18n.js';
import { dropZone } from './drop.js';
import { show } from './picture.js';
import { sampleChips } from './samples.js';
import { nested, parsed, tensor } from './tensor.js';

const FEW = 24; // numbers of an input that have a field each

/**
 * The controls of a model that takes a picture and more.
 * @returns {{controls: Array, samples: Array, leave: Function}}
 */
export function mixedControls({ manifest, reference }, act) {
  const others = manifest.inputs.filter((spec) => spec !== imageSpec(manifest));
  const boxes = others.map(box);
  const preview = el('canvas', { id: 'preview', hidden: true, role: 'img', 'aria-label': t('picture.shown') });
  let picture = null;
  let what = '';

  function send() {
    try {
      if (!picture) throw new PageError('mixed.picture');
      act.mixed(picture, others, Object.fromEntries(boxes.map(({ name, read }) => [name, read()])), { what });
    } catch (error) {
      act.trouble(error);
    }
  }

  async function take([file]) {
    if (!file) return;
    try {
      picture = await act.decoded(file);
      what = file.name;
      show(preview, picture);
      send();
    } catch (error) {
      preview.hidden = true;
      picture = null;
      act.trouble(error);
    }
  }

  const zone = dropZone({ title: t('picture.choose'), hint: t('mixed.drop'), accept: 'image/*' }, take);
  zone.element.prepend(preview);
  const form = el('form', { className: 'form', noValidate: true });
  form.append(...boxes.flatMap(({ elements }) => elements));
  form.append(el('button', { type: 'submit', className: 'main' }, t('table.predict')));
  form.onsubmit = (event) => {
    event.preventDefault();
    send();
  };
  const fill = (n) => boxes.forEach(({ name, set }) => set(reference.samples[n].inputs[name]));
  fill(0);
  const paste = ({ clipboardData }) => take([...(clipboardData?.files ?? [])]);
  document.addEventListener('paste', paste);
  return {
    controls: [zone.element, form],
    samples: sampleChips(reference, act, fill),
    leave() {
      document.removeEventListener('paste', paste);
      zone.leave();
    },
  };
}

/** What one other input is typed into. */
function box(spec) {
  const size = spec.shape.slice(1).reduce((product, axis) => product * (axis ?? Infinity), 1);
  return size <= FEW ? numbers(spec, size) : json(spec);
}

function numbers(spec, size) {
  const { name } = spec;
  const inputs = Array.from({ length: size }, (_, n) => {
    const input = el('input', { type: 'number', name: size > 1 ? `${name} ${n + 1}` : name, step: 'any' });
    input.inputMode = 'decimal';
    return input;
  });
  const labels = inputs.map((input) =>
    el('div', { className: 'field' }, el('label', {}, el('span', { className: 'name' }, input.name), input)),
  );
  return {
    name,
    elements: labels,
    set: ({ data }) => inputs.forEach((input, n) => (input.value = String(Number(data[n].toPrecision(9))))),
    read: () => {
      const empty = inputs.find(({ value }) => value === '');
      if (empty) throw new PageError('tensor.missing', { name: empty.name });
      return tensor(spec, inputs.map(({ value }) => Number(value)));
    },
  };
}

function json(spec) {
  const area = el('textarea', { name: spec.name, rows: 4, spellcheck: false });
  const label = el('label', {}, el('span', { className: 'name' }, t('mixed.json', { name: spec.name })), area);
  return {
    name: spec.name,
    elements: [el('div', { className: 'field wide' }, label)],
    set: (value) => (area.value = JSON.stringify(nested(value))),
    read: () => tensor(spec, parsed(area.value)),
  };
}
