// The controls that a model's input needs.
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { mixedControls } from './mixed.js';
import { pictureControls } from './picture.js';
import { seriesControls } from './series.js';
import { tableControls } from './table.js';
import { sampleChips, tensorControls } from './tensor.js';

const $ = (id) => document.getElementById(id);

/**
 * Show them.
 * @param {object} model {entry, manifest, reference, features, rows, row}
 * @param {object} act what they call: file, picture, row, quiet, tensors, mixed, decoded, sample,
 *   trouble, words
 * @returns {{begin: Function|undefined, leave: Function}} leave() ends the camera and its like
 */
export function showInputs(model, act) {
  const { entry, manifest, reference, features } = model;
  const one = manifest.inputs.length === 1;
  let made;
  if (manifest.preprocessing && one) {
    made = pictureControls(model, act);
    if (!entry.pictures.length) made.samples = sampleChips(reference, act);
  } else if (manifest.preprocessing) {
    made = mixedControls(model, act);
  } else if (manifest.series && one) {
    made = seriesControls(model, act);
  } else if (features && one) {
    made = tableControls(model, act);
    if (!made.samples.length) made.samples = sampleChips(reference, act);
  } else {
    made = tensorControls(model, act);
    if (looksLikePictures(manifest)) {
      made.controls.unshift(el('p', { className: 'badge warn' }, t('picture.unknown')));
    }
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
