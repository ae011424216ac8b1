// Windows of a series: numbers as people paste them, and columns of a CSV, as a model's input.
import { hasDecimalCommas, readCsv, withPoint } from './csv.js';
import { PageError } from './errors.js';
import { toNumber } from './features.js';
import { count } from './format.js';
import { t } from './i18n.js';

const LARGEST = 3.4028234663852886e38; // of float32
const MOST_STEPS = 2000; // of a model that takes any number
// 1,234 or 1,234.5: of thousands, of decimals, or two numbers, which nobody can tell.
const EITHER_WAY = /^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/;
const DATES = /^(date|datetime|time|timestamp|tanggal|waktu|tgl)$/i;
const DAY = /^\d{4}-\d{2}-\d{2}/;

/** What the model takes, in words. */
export function asked({ steps, channels, unit }) {
  const key = channels.length > 1 ? 'series.rows' : 'series.values';
  const of = channels.slice(0, 4).join(', ') + (channels.length > 4 ? ', …' : '');
  return t(steps ? key : `${key}.any`, { count: steps ?? 0, of: unit ? `${of} (${unit})` : of });
}

/** The channel that an output forecasts, and the output; null where it is none. */
export function forecastOf({ outputs, series }) {
  const plain = ({ kind, classes }) => ['value', 'tensor', 'probability'].includes(kind) && !classes;
  const spec = outputs.find(plain);
  const channel = series?.channels.indexOf(series.target) ?? -1;
  return channel >= 0 && spec ? { channel, name: spec.name } : null;
}

/**
 * The rows that a pasted text holds: one value a line (or between tabs, semicolons, blanks or
 * commas) of a single channel; a line a step of several, with or without a line of their names.
 * @returns {number[][]} [step][channel]
 */
export function readRows(text, channels) {
  const plain = text.trim();
  if (!plain) return [];
  if (channels.length === 1) return numbers(cellsOf(plain)).map((value) => [value]);
  const separator = ['\t', ';', ','].find((mark) => plain.includes(mark)) ?? ' ';
  const split = separator === ' ' ? /\s+/ : separator;
  let lines = plain.split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
  lines = lines.map((line) => line.split(split).map((cell) => cell.trim()));
  const places = channels.map((name) => lines[0].indexOf(name));
  if (places.every((place) => place >= 0)) {
    lines = lines.slice(1).map((line) => places.map((place) => line[place] ?? ''));
  }
  const short = lines.findIndex((line) => line.length !== channels.length);
  if (short >= 0) {
    const wanted = { line: count(short + 1), got: count(lines[short].length), wanted: channels.join(', ') };
    throw new PageError('series.cells', wanted);
  }
  const flat = numbers(lines.flat(), separator === ',', channels.length);
  return lines.map((_, n) => flat.slice(n * channels.length, (n + 1) * channels.length));
}

/** The values of a single channel as cells: what parts them depends on what else is there. */
function cellsOf(text) {
  let split = /,/;
  if (/[\n\t;]/.test(text)) split = /[\n\t;]/;
  else if (/,\s/.test(text)) split = /,?\s+/;
  else if (/\s/.test(text)) split = /\s+/;
  const cells = text.split(split).map((cell) => cell.trim().replace(/,$/, '')).filter(Boolean);
  if (split.source === ',' || cells.some(isDecimal)) return cells;
  // "1.5,2.5" or "1,2,3" in a line are several; 187,5 is one number.
  const listed = (cell) => cell.includes(',') && !EITHER_WAY.test(cell);
  return cells.flatMap((cell) => (listed(cell) ? cell.split(',').map((one) => one.trim()) : [cell]));
}

/** Whether a comma in a cell can be nothing but a decimal one. */
const isDecimal = (cell) => !EITHER_WAY.test(cell) && hasDecimalCommas([cell]);

/** Cells as numbers; commas are decimal ones where they can be nothing else. */
function numbers(cells, parted = false, width = 1) {
  const clear = cells.some(isDecimal);
  return cells.map((cell, n) => {
    const line = count(Math.floor(n / width) + 1);
    if (!parted && !clear && EITHER_WAY.test(cell)) throw new PageError('series.either', { line, value: cell });
    return numberOf(!parted && cell.includes(',') ? withPoint(cell) : cell, 'series.number', { line, value: cell });
  });
}

function numberOf(text, key, values) {
  const value = /\d/.test(text) ? toNumber(text) : null;
  if (value === null || !(Math.abs(value) <= LARGEST)) {
    throw new PageError(key, { ...values, value: values.value.slice(0, 40) });
  }
  return value;
}

/**
 * A CSV as columns to choose from.
 * @returns {{header: string[], rows: string[][], numeric: number[], when: number}} numeric: the
 *   places of columns that begin with a number; when: the place of the date, -1 where there is none
 */
export function readTable(text) {
  if (text.includes('\0')) throw new PageError('csv.kind');
  const table = readCsv(text);
  let { header, rows } = table;
  const number = (cell) => /\d/.test(cell ?? '') && toNumber(decimal(cell)) !== null;
  const commas = hasDecimalCommas(rows.slice(0, 100).flat(), table.separator);
  const decimal = (cell) => (commas ? withPoint(cell) : cell);
  if (header.length && header.every(number)) {
    rows = [header, ...rows]; // bare numbers
    header = header.map((_, n) => String(n + 1));
  }
  if (!rows.length) throw new PageError('csv.empty');
  rows = rows.map((row) => row.map((cell) => (commas && DECIMAL_LIKE.test(cell.trim()) ? withPoint(cell) : cell)));
  const numeric = [...header.keys()].filter((n) => number(rows[0][n]));
  return { header, rows, numeric, when: header.findIndex((name) => DATES.test(name)) };
}

const DECIMAL_LIKE = /^[+-]?[\d.]+(,\d+)?$/;

/** Which columns are the channels: by their names, else the only ones that can be; -1 is unknown. */
export function columnsOf({ header, numeric }, channels) {
  const named = channels.map((name) => header.indexOf(name));
  if (named.every((place) => place < 0) && numeric.length === channels.length) return numeric;
  return named;
}

/**
 * The last rows of a table.
 * @param {object} table of readTable
 * @param {number[]} places the columns of the channels
 * @param {?number} steps how many; null takes all
 * @returns {{rows: number[][], first: number, last: number, ends: ?string[]}} first and last count
 *   from 1 under the header; ends are the dates of both
 */
export function lastRows({ header, rows, when }, places, steps) {
  const taken = Math.min(rows.length, steps ?? MOST_STEPS);
  const from = rows.length - taken;
  if (when >= 0 && !places.includes(when)) {
    const [first, last] = [rows[0][when] ?? '', rows.at(-1)[when] ?? ''];
    if (DAY.test(first) && DAY.test(last) && first.slice(0, 10) > last.slice(0, 10)) {
      throw new PageError('series.backwards', { column: header[when], first, last });
    }
  }
  if (steps && taken < steps) throw new PageError('series.few', { got: count(taken), wanted: count(steps) });
  const found = rows.slice(from).map((row, n) =>
    places.map((place) => {
      const values = { row: count(from + n + 1), column: header[place], value: (row[place] ?? '').trim() };
      return numberOf(values.value, values.value ? 'series.cell' : 'series.gap', values);
    }),
  );
  const ends = when >= 0 ? [rows[from][when], rows.at(-1)[when]] : null;
  return { rows: found, first: from + 1, last: rows.length, ends };
}

/** The last of some rows as the only input of a model, which has one. */
export function windowInput({ inputs: [spec], series }, rows) {
  const steps = series.steps ?? rows.length;
  if (rows.length < steps || !steps) {
    throw new PageError('series.few', { got: count(rows.length), wanted: count(steps || 1) });
  }
  const values = rows.slice(-steps).flat();
  // A single channel may lie along another axis; a free one is as long as the window.
  return { [spec.name]: { values, shape: [1, ...spec.shape.slice(1).map((axis) => axis ?? steps)] } };
}

/** The rows of an input: what windowInput made it of. */
export function rowsOf({ data }, channels) {
  const width = channels.length;
  return Array.from({ length: data.length / width }, (_, n) => [...data.slice(n * width, (n + 1) * width)]);
}
