// What becomes of an answer as one column of its row moves and the others stay: individual
// conditional expectation (A. Goldstein et al., Peeking inside the black box, 2015).
import { toNumber, widthOf } from '../features.js';

const STEPS = 20;
const MOST_CATEGORIES = 20;
const HALVINGS = 12;

/**
 * What each column can be: its range and what is usual in it.
 * @param {Array} features as in the manifest
 * @param {{columns: ?{ranges: Array}, samples: Array}} reference
 * @param {Array<object>} rows the packaged samples as they were given
 * @param {object} row the one that is asked about
 * @returns {Array<{feature, now, values: Array, typical, known: boolean, whole: boolean}>} the columns
 *   that can be moved; values in order, with the row's own among them; typical is the median (the most
 *   frequent) of the packaged samples where that is `known`, else the feature's default, if any
 */
export function movable(features, { columns }, rows, row) {
  return features.flatMap((feature, n) => {
    const { name, kind, categories, min, max, step } = feature;
    const given = row[name];
    const packaged = rows.map((one) => one[name]).filter((value) => value !== null && value !== undefined && value !== '');
    if (kind === 'text' || widthOf(feature) === 0) return [];
    if (categories && kind !== 'number') {
      const values = categories.length > MOST_CATEGORIES ? frequent(packaged, categories, given) : categories;
      const usual = most(packaged.map(String));
      return [{ feature, now: String(given), values, typical: usual ?? feature.default, known: usual !== undefined, whole: false }];
    }
    const now = toNumber(given);
    const range = columns?.ranges[n] ?? {};
    const [low, high] = [min ?? range.min, max ?? range.max];
    if (now === null || String(given).trim() === '' || low === undefined || low === null || !(high > low)) return [];
    const steps = step !== undefined && step !== null;
    const whole = steps ? Number.isInteger(step) && Number.isInteger(low) : Boolean(range.whole);
    const numbers = packaged.map(toNumber).filter((value) => value !== null);
    const known = numbers.length > 2;
    const typical = known ? median(numbers) : toNumber(feature.default ?? '');
    const own = categories ? categories.map(toNumber) : spread(Math.min(low, now), Math.max(high, now), whole);
    const values = [...new Set([...own, now])].sort((a, b) => a - b);
    return [{ feature, now, values, typical, known, whole }];
  });
}

/**
 * The answers along each column.
 * @param {(row: object) => Promise<object>} ask the outputs to a row
 * @param {(outputs: object) => {best: ?number, measured: number}} read
 * @param {object} row
 * @param {Array} columns of movable()
 * @param {{progress: Function, stopped: () => boolean}} tell
 * @returns {Promise<Array<{column, points: Array<{value, best, measured}>, usual: ?number}>>}
 *   usual: what is measured with the column at its typical value
 */
export async function curves(ask, read, row, columns, tell) {
  const total = columns.reduce((sum, { values }) => sum + values.length + 1, 0);
  let asked = 0;
  const made = [];
  const at = async (column, value) => {
    const found = read(await ask({ ...row, [column.feature.name]: value }));
    asked += 1;
    tell.progress(asked, total);
    return { value, ...found };
  };
  for (const column of columns) {
    const points = [];
    for (const value of column.values) {
      points.push(await at(column, value));
      if (tell.stopped()) return made;
    }
    const there = column.typical !== undefined && column.typical !== null;
    const usual = there ? (await at(column, column.typical)).measured : null;
    made.push({ column, points, usual });
  }
  return made;
}

/**
 * The least change of one number alone that gives another class, by the share of its range; found
 * between the steps of its curve, and of the answers there by halving.
 * @returns {Promise<?{column, value: number, best: number, part: number}>} null where there is none
 */
export async function flipOfNumber(ask, read, row, found) {
  let least = null;
  for (const { column, points } of found) {
    if (typeof column.now !== 'number') continue;
    const here = points.findIndex(({ value }) => value === column.now);
    const width = points.at(-1).value - points[0].value;
    for (const way of [-1, 1]) {
      let n = here;
      while (points[n] && points[n].best === points[here].best) n += way;
      if (!points[n]) continue;
      const edge = await between(ask, read, row, column, points[n - way], points[n]);
      const part = Math.abs(edge.value - column.now) / width;
      if (!least || part < least.part) least = { column, ...edge, part };
    }
  }
  return least;
}

/** The categories that alone give another class. */
export function flipsOfChoice(found) {
  return found.flatMap(({ column, points }) => {
    if (typeof column.now === 'number') return [];
    const own = points.find(({ value }) => value === column.now);
    const other = own ? points.filter(({ best }) => best !== own.best) : [];
    if (!other.length) return [];
    const surest = other.reduce((a, b) => (Math.abs(b.measured - own.measured) > Math.abs(a.measured - own.measured) ? b : a));
    return [{ column, value: surest.value, best: surest.best }];
  });
}

/** Where the class changes between two values: the nearest to the first that still has the other's. */
async function between(ask, read, row, column, first, second) {
  const of = async (value) => ({ value, ...read(await ask({ ...row, [column.feature.name]: value })) });
  let [same, other] = [first, second];
  for (let n = 0; n < HALVINGS; n += 1) {
    const middle = (same.value + other.value) / 2;
    const next = column.whole ? Math.round(middle) : middle;
    if (next === same.value || next === other.value) break;
    const found = await of(next);
    if (found.best === first.best) same = found;
    else other = found;
  }
  // As few digits as still give the other class.
  for (const digits of [2, 3, 4, 5]) {
    const short = Number(other.value.toPrecision(digits));
    const inside = (short - same.value) * (other.value - same.value) > 0;
    if (short === other.value) break;
    if (!inside || (column.whole && !Number.isInteger(short))) continue;
    const found = await of(short);
    if (found.best !== first.best) return found;
  }
  return other;
}

function spread(low, high, whole) {
  const step = (high - low) / STEPS;
  if (whole && high - low <= STEPS) return Array.from({ length: high - low + 1 }, (_, n) => low + n);
  const values = Array.from({ length: STEPS + 1 }, (_, n) => Number((low + n * step).toPrecision(6)));
  return whole ? values.map(Math.round) : values;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]; // one that occurs, of whole numbers, too
}

function most(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

function frequent(packaged, categories, now) {
  const seen = [...new Set([String(now), ...packaged.map(String)])].filter((one) => categories.includes(one));
  return [...new Set([...seen, ...categories])].slice(0, MOST_CATEGORIES);
}
