// What a person types, as the numbers that a model takes; as edge_deploy/data/preprocessing/encoding.py does it,
// bit for bit.
import { counter, countsOf } from './text.js';
import { tokenizer } from './tokens.js';

const NOTHING = new Set(
  (' #N/A #NA -1.#IND -1.#QNAN -NaN -nan 1.#IND 1.#QNAN <NA> N/A NA NULL NaN None n/a ' +
    'nan null').split(' '),
);
const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;
const LARGEST = 3.4028234663852886e38; // of float32
const encoders = new WeakMap(); // one a feature: a vocabulary is indexed once

/** A value that cannot be encoded: whose, and why (missing, number or category). */
export class FeatureError extends Error {
  constructor(feature, reason, message) {
    super(`${feature.name}: ${message}`);
    Object.assign(this, { feature, reason });
  }
}

/** How many numbers of the input a feature fills. */
export function widthOf({ encode, categories, text, tokens }) {
  if (text) return countsOf(text);
  if (tokens) return tokens.length;
  return encode === 'one-hot' ? categories.length : 1;
}

/**
 * One row as the model's input.
 * @param {Array} features as in the manifest
 * @param {Object} row values by feature name; other names are ignored
 * @returns {Float32Array}
 * @throws {FeatureError}
 */
export function encodeRow(features, row) {
  const input = new Float32Array(features.reduce((sum, feature) => sum + widthOf(feature), 0));
  let at = 0;
  for (const feature of features) {
    if (!encoders.has(feature)) encoders.set(feature, encoder(feature));
    encoders.get(feature)(row[feature.name], input, at);
    at += widthOf(feature);
  }
  return input;
}

/** Whether a value of a feature counts as none. */
export function isMissing(feature, value) {
  return absent(value, places(feature));
}

function encoder(feature) {
  const { encode, missing } = feature;
  if (feature.text || feature.tokens) {
    const write = feature.text ? counter(feature.text) : tokenizer(feature.tokens);
    return (value, input, at) => write(givenText(feature, value), input, at);
  }
  const known = places(feature);
  const size = feature.categories?.length;
  return (given, input, at) => {
    let value = given;
    if (absent(value, known)) {
      if (missing === 'error') throw new FeatureError(feature, 'missing', 'has no value');
      if (missing === 'nan') {
        input[at] = encode === 'ordinal' ? size : NaN;
        return;
      }
      value = feature.default;
    }
    if (encode === 'none') {
      input[at] = number(feature, value);
      return;
    }
    const index = indexOf(feature, written(value), known);
    if (encode === 'ordinal') input[at] = index;
    else if (index >= 0) input[at + index] = 1;
  };
}

function givenText(feature, value) {
  if (value !== null && value !== undefined && !Number.isNaN(value)) return written(value);
  if (feature.missing !== 'value') throw new FeatureError(feature, 'missing', 'has no value');
  return written(feature.default);
}

/** What people call a feature. */
export const calledOf = ({ name, label }) => label ?? name;

/**
 * The index of a category by its name, as it is and without blanks around it; and in any case, where an
 * unknown one would be an error.
 */
function places({ categories, unknown }) {
  const names = categories ?? [];
  const found = new Map(names.map((name, n) => [name, n]));
  for (const [n, name] of names.entries()) if (!found.has(name.trim())) found.set(name.trim(), n);
  if (unknown !== 'error') return { found, lower: new Map() };
  const lower = new Map();
  for (const [n, name] of names.entries()) {
    const key = name.trim().toLowerCase();
    lower.set(key, lower.has(key) ? undefined : n); // of two none is meant
  }
  return { found, lower };
}

function absent(value, known) {
  if (value === null || value === undefined || Number.isNaN(value)) return true;
  return typeof value === 'string' && NOTHING.has(value.trim()) && !known.found.has(value.trim());
}

function number(feature, value) {
  const result = toNumber(value);
  if (result === null || !(Math.abs(result) <= LARGEST)) {
    throw new FeatureError(feature, 'number', `${value} is not a number`);
  }
  const { categories, unknown } = feature;
  if (categories && unknown !== 'ignore' && !categories.some((name) => toNumber(name) === result)) {
    if (unknown === 'infrequent') return toNumber(categories.at(-1));
    throw new FeatureError(feature, 'category', `${value} is none of ${some(categories)}`);
  }
  return result;
}

function indexOf(feature, text, known) {
  const { categories, unknown } = feature;
  const plain = text.trim();
  const index = known.found.get(text) ?? known.found.get(plain) ?? known.lower.get(plain.toLowerCase());
  if (index !== undefined) return index;
  if (unknown === 'ignore') return -1;
  if (unknown === 'infrequent') return categories.length - 1;
  throw new FeatureError(feature, 'category', `${text} is none of ${some(categories)}`);
}

function some(categories) {
  const more = categories.length > 20 ? ` and ${categories.length - 20} more` : '';
  return categories.slice(0, 20).join(', ') + more;
}

/** As Python writes it: True and False have capitals there. */
function written(value) {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}

/** A number, or a text that is one; null where it is none. */
export function toNumber(value) {
  if (typeof value !== 'string') return Number(value);
  const truth = ['false', 'true'].indexOf(value.trim().toLowerCase());
  if (truth >= 0) return truth; // as pandas writes a column of bool to CSV
  return NUMBER.test(value.trim()) ? Number(value) : null;
}
