// How good answers are by true ones; as edge_deploy/verification/quality.py computes it.

const NORMAL_95 = 1.959964;

/** Between what shares the true one lies with 95 % confidence (E. B. Wilson, 1927). */
export function wilson(hits, total) {
  const [part, square] = [hits / total, NORMAL_95 ** 2 / total];
  const middle = part + square / 2;
  const half = NORMAL_95 * Math.sqrt((part * (1 - part)) / total + square / (4 * total));
  return [Math.max(0, (middle - half) / (1 + square)), Math.min(1, (middle + half) / (1 + square))];
}

/**
 * The place of each label among the classes: by name, whatever its capitals and the blanks around
 * it; of classes without names by number, or in alphabetical order where there are as many.
 * @param {string[]} labels
 * @param {?string[]} names of the classes
 * @param {?number} count of the classes
 * @returns {Array<number|null>} null where a label is none of them
 */
export function placesOf(labels, names, count) {
  const alike = (label) => label.trim().toLowerCase();
  let known = names;
  const distinct = [...new Set(labels.map((label) => label.trim()).filter(Boolean))].sort();
  if (!known && distinct.length === count && !distinct.every((one) => /^\d+$/.test(one))) known = distinct;
  known ??= Array.from({ length: count ?? 0 }, (_, n) => String(n));
  const exact = new Map(known.map((name, n) => [name.trim(), n]));
  const loose = new Map(known.map((name, n) => [alike(name), n]));
  const number = new Map(known.flatMap((name, n) => (name.trim() && Number.isFinite(Number(name)) ? [[Number(name), n]] : [])));
  const numeric = number.size === known.length;
  return labels.map((label) => {
    const found = exact.get(label.trim()) ?? (loose.size === known.length ? loose.get(alike(label)) : undefined);
    return found ?? (numeric && label.trim() ? number.get(Number(label)) : undefined) ?? null;
  });
}

/**
 * @param {Array<[number, number]>} pairs the true and the answered class
 * @param {number} size how many classes
 * @returns {{hits: number, samples: number, low: number, high: number, confusion: {counts: string[],
 *   pairs: string[]}, classes: Array<[number, number, number]>}} as the manifest has them
 */
export function classified(pairs, size) {
  const hits = pairs.filter(([is, said]) => is === said).length;
  const [low, high] = wilson(hits, pairs.length);
  const classes = Array.from({ length: size }, () => [0, 0, 0]);
  const counts = Array.from({ length: size <= 50 ? size : 0 }, () => new Array(size).fill(0));
  const wrong = new Map();
  for (const [is, said] of pairs) {
    classes[is][0] += 1;
    classes[is][1] += Number(is === said);
    classes[said][2] += 1;
    if (counts.length) counts[is][said] += 1;
    if (is !== said) wrong.set(`${is} ${said}`, (wrong.get(`${is} ${said}`) ?? 0) + 1);
  }
  const most = [...wrong].sort((a, b) => b[1] - a[1]).slice(0, 10);
  const confusion = { counts: counts.map((row) => row.join(' ')), pairs: most.map(([pair, times]) => `${pair} ${times}`) };
  return { hits, samples: pairs.length, low, high, confusion, classes };
}

/**
 * @param {Array<[number, number]>} pairs the true and the predicted value
 * @returns {{half: number, most: number, r2: number, mae: number}} absolute errors that 50 % and 90 %
 *   stay below, the coefficient of determination, and the mean absolute error
 */
export function regressed(pairs) {
  const errors = pairs.map(([is, said]) => Math.abs(said - is)).sort((a, b) => a - b);
  const mean = pairs.reduce((sum, [is]) => sum + is, 0) / pairs.length;
  const spread = pairs.reduce((sum, [is]) => sum + (is - mean) ** 2, 0);
  const left = errors.reduce((sum, error) => sum + error ** 2, 0);
  const quantile = (share) => errors[Math.min(errors.length - 1, Math.floor(share * errors.length))];
  const mae = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  return { half: quantile(0.5), most: quantile(0.9), r2: spread ? 1 - left / spread : NaN, mae };
}
