// The controls that a model's input needs.
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { pictureControls } from './picture.js';
import { tableControls } from './table.js';
import { sampleChips, tensorControls } from './tensor.js';

const $ = (id) => document.getElementById(id);

/**
 * Controls that few models need, whose code comes when it is asked for.
 * @returns {Promise<?Function>} null for the others
 */
export async function rareControls({ preprocessing, series, inputs }) {
  if (preprocessing && inputs.length > 1) return (await import('./mixed.js')).mixedControls;
  if (!preprocessing && series && inputs.length === 1) return (await import('./series.js')).seriesControls;
  return null;
}

/**
 * Show them.
 * @param {object} model {entry, manifest, reference, features, rows, row, rare}: what
 *   rareControls() gave
 * @param {object} act what they call: file, picture, row, several, tensors, mixed, decoded, sample,
 *   trouble
 * @returns {{begin: Function|undefined, leave: Function}} leave() ends the camera and its like
 */
export function showInputs(model, act) {
  const { entry, manifest, reference, features, rare } = model;
  const one = manifest.inputs.length === 1;
  let made;
  if (rare) {
    made = rare(model, act);
  } else if (manifest.preprocessing && one) {
    made = pictureControls(model, act);
    if (!entry.pictures.length) made.samples = sampleChips(reference, act);
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
