// What a person types, as the numbers that a model takes; as edge_deploy/features.py does it.

/** How many numbers of the input a feature fills. */
export function widthOf(feature) {
  return feature.encode === 'one-hot' ? feature.categories.length : 1;
}

/**
 * One row as the model's input.
 * @param {Array} features as in the manifest
 * @param {Object} row values by feature name
 */
export function encodeRow(features, row) {
  return Float32Array.from(features.flatMap((feature) => encode(feature, row[feature.name])));
}

function encode(feature, given) {
  let value = given;
  if (value === undefined || value === null || String(value).trim() === '') {
    if (feature.missing === 'nan' && feature.encode === 'none') return [NaN];
    if (feature.missing !== 'value') throw new Error(`${feature.name} has no value`);
    value = feature.default;
  }
  if (feature.kind === 'number') {
    const number = Number(value);
    if (!Number.isFinite(Math.fround(number))) {
      throw new Error(`${feature.name}: ${value} is not a number`);
    }
    return [number];
  }
  return category(feature, String(value).trim());
}

function category(feature, text) {
  const { name, categories, encode, unknown } = feature;
  let index = categories.indexOf(text);
  if (index < 0 && unknown === 'infrequent') index = categories.length - 1;
  if (index < 0 && !(unknown === 'ignore' && encode === 'one-hot')) {
    throw new Error(`${name}: ${text} is none of ${categories.join(', ')}`);
  }
  if (encode === 'one-hot') return categories.map((_, n) => Number(n === index));
  return [encode === 'ordinal' ? index : Number(categories[index])];
}
