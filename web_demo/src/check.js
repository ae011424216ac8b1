// Is what this device computes what the original computed? The rules are those of
// edge_deploy/verification/compare.py and, for columns, of columns.py beside it.

/** A float32 file may differ from the original by this share of the output's scale. */
const TOLERANCE = 1e-4;
/** Of its unit's scale a column counts as having this at least. */
const SHARE = 0.1;
const ROUNDING = 2 ** -23;
const USUAL = { rtol: TOLERANCE, atol: 0, step: 0, cost: null };

/**
 * Run the packaged samples and compare with what the original answered.
 * @param model what open() gave
 * @param {{samples: Array<{inputs: object, outputs: object}>, whole: object}} reference
 * @param {Array} specs the outputs, as in the manifest
 * @param {{limits: ?object, refused: boolean}} file of the site's index. limits, by output: rtol (of
 *   the scale; null for anything), atol, step, and the cost that a compressed file may have:
 *   {agreement, mean_error, snr}, or null; no limits where the file must agree by the usual
 *   tolerance. refused: `verify` found that the file costs more than it may, whatever is seen here.
 * @returns {Promise<{samples: number, worst: number, output: string, limit: number, pass: boolean,
 *   refused: boolean, maxAbsError: number, column: ?number}>} worst is the largest error as a share of the output's
 *   scale, infinite where an answer is no number or names the wrong class, limit what it may be;
 *   refused: nothing is wrong here, and the file does not pass all the same; column: the one that is
 *   wrong by its own scale, where the output as a whole is not
 */
export async function selfCheck(model, { samples, whole }, specs, { limits = null, refused = false } = {}) {
  const answers = [];
  for (const { inputs } of samples) answers.push(await model.predict(inputs));
  const found = specs.map((spec) => {
    const wanted = samples.map(({ outputs }) => outputs[spec.name].data);
    const given = answers.map((one) => one[spec.name].data);
    const axes = samples[0]?.outputs[spec.name].shape ?? [];
    return { output: spec.name, ...judged({ ...spec, axes, ...whole[spec.name] }, wanted, given, limits?.[spec.name]) };
  });
  const wrong = found.filter(({ pass }) => !pass);
  const { output, worst, limit, column = null } = (wrong.length ? wrong : found).reduce((a, b) => (b.worst > a.worst ? b : a));
  const maxAbsError = Math.max(...found.map(({ largest }) => largest));
  const right = samples.length > 0 && !wrong.length;
  return {
    ...{ samples: samples.length, worst, output, limit, maxAbsError, column },
    pass: right && !refused,
    refused: right && refused,
  };
}

/** One output over all samples: {pass, worst, largest, limit}. */
function judged({ kind, axes, scale, power, columns, rounding = 0 }, wanted, given, allowed = USUAL) {
  const { rtol, step, cost } = allowed;
  const atol = allowed.atol + (cost ? 0 : rounding);
  const limit = rtol === null ? Infinity : atol + rtol * scale;
  const lost = { pass: false, worst: Infinity, largest: Infinity, limit: limit / scale };
  if (given.some((values, n) => values.length !== wanted[n].length)) return lost;
  if (given.some((values, n) => values.some((v, at) => Number.isNaN(v) && !Number.isNaN(wanted[n][at])))) return lost;
  const best = (values) => {
    if (kind === 'class') return values[0];
    const row = kind === 'probabilities' ? values.slice(0, axes.at(-1)) : [];
    return row.reduce((found, value, n) => (value > row[found] ? n : found), 0);
  };
  const changed = given.filter((values, n) => best(values) !== best(wanted[n])).length;
  const most = cost ? Math.ceil(Number(((1 - cost.agreement) * given.length).toFixed(9))) : 0;
  if (kind === 'class') {
    const fine = changed <= most && !(varies(wanted, 0) && !varies(given, 0));
    return fine ? { ...lost, pass: true, worst: 0, largest: 0 } : lost;
  }
  const rows = given.map((values, n) => compared(wanted[n], values));
  const largest = Math.max(0, ...rows.map((row) => row.largest));
  const fine =
    largest <= limit &&
    !(cost && kind === 'probabilities' && changed > most) &&
    !(cost && dear(rows, scale, power, cost)) &&
    !(varies(wanted, cost ? Math.max(TOLERANCE * scale, 4 * step) : limit) && !varies(given, 0)) &&
    !(kind === 'probabilities' && axes.length === 2 && unsummed(wanted, given, step));
  const column = fine && columns ? wrongColumn(columns, scale, wanted, given, { rtol, atol, step, cost }) : null;
  return { ...lost, pass: fine && !column, worst: largest / scale, largest, ...column };
}

/**
 * The first column that is wrong by its own scale, as {column, worst, limit}, or null.
 * @param {{own: number[], unit: number[], power: number[], one_unit: boolean}} columns of the whole
 *   reference: the largest |original| of each, of those of its unit, and its mean square
 */
function wrongColumn({ own, unit, power, one_unit: oneUnit }, scale, wanted, given, { rtol, atol, step, cost }) {
  const width = own.length;
  const errors = given.map((values, n) => columnErrors(wanted[n], values, width));
  for (let c = 0; c < width; c += 1) {
    const size = oneUnit ? unit[c] : Math.max(own[c], SHARE * unit[c]);
    const rounded = TOLERANCE * SHARE * scale;
    const floor = oneUnit ? rounded : Math.max(Math.min(rounded, 200 * TOLERANCE * unit[c]), ROUNDING * scale);
    const share = cost ? rtol * unit[c] : Math.max(rtol * unit[c], floor);
    const limit = rtol === null ? Infinity : atol + (rtol === 0 && !cost ? 0 : share);
    const largest = Math.max(...errors.map((row) => row.largest[c]));
    const found = { column: c, worst: largest / Math.max(own[c], 1e-30), limit: limit / Math.max(own[c], 1e-30) };
    if (largest > limit) return found;
    if (cost && largest > TOLERANCE * size && loud(errors, c, wanted[0].length / width, power[c], cost.snr)) return found;
    const most = cost ? Math.max(SHARE * size, 4 * step) : limit;
    if (varies(wanted, most, c, width) && !varies(given, 0, c, width)) return found;
  }
  return null;
}

function columnErrors(wanted, given, width) {
  const row = { largest: new Float64Array(width), noise: new Float64Array(width) };
  for (let n = 0; n < wanted.length; n += 1) {
    const error = wanted[n] === given[n] ? 0 : Math.abs(wanted[n] - given[n]);
    if (Number.isNaN(error)) continue;
    row.largest[n % width] = Math.max(row.largest[n % width], error);
    row.noise[n % width] += error ** 2;
  }
  return row;
}

/** Whether a column has more noise than half the decibels of the whole allow; as in `dear`. */
function loud(errors, c, places, power, snr) {
  const noises = errors.map((row) => row.noise[c]);
  const few = noises.length > 1;
  const sum = noises.reduce((a, b) => a + b, 0) - (few ? Math.max(...noises) : 0);
  const noise = sum / ((noises.length - (few ? 1 : 0)) * places);
  return noise > 0 && 10 * Math.log10(power / noise) < (snr ?? -Infinity) / 2;
}

function compared(wanted, given) {
  const row = { largest: 0, sum: 0, noise: 0, count: wanted.length };
  for (let n = 0; n < wanted.length; n += 1) {
    const error = wanted[n] === given[n] ? 0 : Math.abs(wanted[n] - given[n]);
    if (Number.isNaN(error)) continue;
    row.largest = Math.max(row.largest, error);
    row.sum += error;
    row.noise += error ** 2;
  }
  return row;
}

/**
 * Whether errors are too large on the whole. `verify` averages over the whole reference, of which
 * these are a few: the one sample that is furthest off is held to the largest error only.
 */
function dear(all, scale, power, { mean_error: mean, snr }) {
  const furthest = all.reduce((a, b) => (b.noise > a.noise ? b : a));
  const rows = all.length > 1 ? all.filter((row) => row !== furthest) : all;
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  if (sum('sum') / sum('count') > (mean ?? Infinity) * scale) return true;
  const noise = sum('noise') / sum('count');
  const large = all.some(({ largest }) => largest > TOLERANCE * scale);
  return large && noise > 0 && 10 * Math.log10(power / noise) < (snr ?? -Infinity);
}

/** Whether any element (of one column in `width`) differs between samples by more than that. */
function varies(samples, most, column = 0, width = 1) {
  if (samples.length < 2) return false;
  for (let at = column; at < samples[0].length; at += width) {
    const values = samples.map((one) => one[at]);
    if (Math.max(...values) - Math.min(...values) > most) return true;
  }
  return false;
}

/** Probabilities that do not sum to one, where the original's do. */
function unsummed(wanted, given, step) {
  const off = (samples) => Math.max(...samples.map((one) => Math.abs(one.reduce((a, b) => a + b, 0) - 1)));
  return off(wanted) < 1e-3 && off(given) > Math.max(1e-3, step * (wanted[0].length / 2 + 1));
}
