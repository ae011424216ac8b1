// Is what this device computes what the original computed? The rules are those of
// edge_deploy/verification.py.

/** A float32 file may differ from the original by this share of the output's scale. */
export const TOLERANCE = 1e-4;

/**
 * Run the packaged samples and compare with what the original answered.
 * @param model what open() gave
 * @param {{samples: Array<{inputs: object, outputs: object}>, whole: object}} reference
 * @param {Array} specs the outputs, as in the manifest
 * @param {?{agreement, error, mean_error, snr, steps: object}} budget of the site's index: what a
 *   compressed file may cost; null where the file keeps every bit and must agree
 * @returns {Promise<{samples: number, worst: number, output: string, pass: boolean,
 *   maxAbsError: number}>} worst is the largest error as a share of the output's scale, infinite
 *   where an answer is no number or names the wrong class
 */
export async function selfCheck(model, { samples, whole }, specs, budget = null) {
  const answers = [];
  for (const { inputs } of samples) answers.push(await model.predict(inputs));
  const found = specs.map((spec) => {
    const wanted = samples.map(({ outputs }) => outputs[spec.name].data);
    const given = answers.map((one) => one[spec.name].data);
    const axes = samples[0]?.outputs[spec.name].shape ?? [];
    return { output: spec.name, ...judged({ ...spec, axes, ...whole[spec.name] }, wanted, given, budget) };
  });
  const wrong = found.filter(({ pass }) => !pass);
  const { output, worst } = (wrong.length ? wrong : found).reduce((a, b) => (b.worst > a.worst ? b : a));
  const maxAbsError = Math.max(...found.map(({ largest }) => largest));
  const pass = samples.length > 0 && !wrong.length;
  return { samples: samples.length, worst, output, pass, maxAbsError };
}

/** One output over all samples: {pass, worst, largest}. */
function judged({ name, kind, axes, scale, power }, wanted, given, budget) {
  const lost = { pass: false, worst: Infinity, largest: Infinity };
  if (given.some((values, n) => values.length !== wanted[n].length)) return lost;
  if (given.some((values, n) => values.some((v, at) => Number.isNaN(v) && !Number.isNaN(wanted[n][at])))) return lost;
  const best = (values) => {
    if (kind === 'class') return values[0];
    const row = kind === 'probabilities' ? values.slice(0, axes.at(-1)) : [];
    return row.reduce((found, value, n) => (value > row[found] ? n : found), 0);
  };
  const changed = given.filter((values, n) => best(values) !== best(wanted[n])).length;
  const allowed = budget && Math.ceil(Number(((1 - budget.agreement) * given.length).toFixed(9)));
  if (kind === 'class') {
    const fine = changed <= (allowed ?? 0) && !(varies(wanted, 0) && !varies(given, 0));
    return fine ? { pass: true, worst: 0, largest: 0 } : lost;
  }
  const rows = given.map((values, n) => compared(wanted[n], values));
  const largest = Math.max(0, ...rows.map((row) => row.largest));
  const worst = largest / scale;
  const step = budget?.steps[name] ?? 0;
  const fine =
    worst <= (budget?.error ?? TOLERANCE) &&
    !(budget && kind === 'probabilities' && changed > allowed) &&
    !(budget && dear(rows, scale, power, budget)) &&
    !(varies(wanted, budget ? Math.max(TOLERANCE * scale, 4 * step) : TOLERANCE * scale) && !varies(given, 0)) &&
    !(kind === 'probabilities' && axes.length === 2 && unsummed(wanted, given, step));
  return { pass: fine, worst, largest };
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
function dear(all, scale, power, budget) {
  const furthest = all.reduce((a, b) => (b.noise > a.noise ? b : a));
  const rows = all.length > 1 ? all.filter((row) => row !== furthest) : all;
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  if (sum('sum') / sum('count') > budget.mean_error * scale) return true;
  const noise = sum('noise') / sum('count');
  const large = all.some(({ largest }) => largest > TOLERANCE * scale);
  return large && noise > 0 && 10 * Math.log10(power / noise) < budget.snr;
}

/** Whether any element differs between samples by more than that. */
function varies(samples, most) {
  if (samples.length < 2) return false;
  return samples[0].some((_, at) => {
    const values = samples.map((one) => one[at]);
    return Math.max(...values) - Math.min(...values) > most;
  });
}

/** Probabilities that do not sum to one, where the original's do. */
function unsummed(wanted, given, step) {
  const off = (samples) => Math.max(...samples.map((one) => Math.abs(one.reduce((a, b) => a + b, 0) - 1)));
  return off(wanted) < 1e-3 && off(given) > Math.max(1e-3, step * (wanted[0].length / 2 + 1));
}
