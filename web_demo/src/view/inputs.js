// The controls that a model's input needs.
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { sampleChips } from './samples.js';

const $ = (id) => document.getElementById(id);

/**
 * The controls for a kind of input, each in a module that only models of that kind need.
 * @returns {Promise<Function>}
 */
export async function controlsFor({ preprocessing, series, inputs }, features) {
  const one = inputs.length === 1;
  if (preprocessing && !one) return (await import('./mixed.js')).mixedControls;
  if (preprocessing) return (await import('./picture.js')).pictureControls;
  if (series && one) return (await import('./series.js')).seriesControls;
  if (features && one) return (await import('./table.js')).tableControls;
  return (await import('./tensor.js')).tensorControls;
}

/**
 * Show them.
 * @param {object} model {entry, manifest, reference, features, rows, row}
 * @param {Function} controls what controlsFor() gave
 * @param {object} act what they call: file, picture, row, several, tensors, mixed, decoded, sample,
 *   trouble
 * @returns {{begin: Function|undefined, leave: Function}} leave() ends the camera and its like
 */
export function showInputs(model, controls, act) {
  const made = controls(model, act);
  if (!made.samples.length) made.samples = sampleChips(model.reference, act);
  if (looksLikePictures(model.manifest)) {
    made.controls.unshift(el('p', { className: 'badge warn' }, t('picture.unknown')));
  }
  fill($('input'), t('page.input'), made.controls);
  fill($('samples'), t('page.samples'), made.samples);
  document.documentElement.dataset.input = kindOf(model);
  return made;
}

function fill(section, title, parts) {
  section.replaceChildren(el('h3', {}, title), ...parts);
  section.hidden = !parts.length;
}

function kindOf({ manifest, features }) {
  if (manifest.preprocessing) return 'picture';
  if (manifest.series) return 'series';
  return features ? 'table' : 'tensor';
}

function looksLikePictures({ inputs, preprocessing }) {
  if (preprocessing) return false;
  return inputs.some(
    ({ kind, shape }) => kind === 'image' || (shape.length === 4 && [1, 3].includes(shape[3])),
  );
}
