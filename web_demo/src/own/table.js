// A CSV file that a visitor has, as rows for a model.
import { hasDecimalCommas, readCsv, withPoint } from '../csv.js';
import { PageError } from '../errors.js';
import { decoded } from '../view/csv.js';

/**
 * @param {File} file
 * @param {Array} features the columns that the model asks for
 * @returns {Promise<{header: string[], rows: string[][], separator: string, mark: string, others:
 *   number[], rowOf: Function, cellOf: Function}>} others: the places of columns that the model does
 *   not ask for, of which one may hold the true answers; rowOf(cells) gives values by name
 * @throws {PageError}
 */
export async function readTable(file, features) {
  const text = decoded(await file.arrayBuffer());
  if (text.includes('\0')) throw new PageError('csv.kind');
  const table = readCsv(text);
  const { header, rows, separator } = table;
  if (!rows.length) throw new PageError('csv.empty');
  const lacking = features.filter(({ name }) => !header.includes(name));
  if (lacking.length) {
    const names = (list) => list.map(({ name }) => name).join(', ');
    throw new PageError('csv.columns', { names: names(lacking), wanted: names(features) });
  }
  // Where numbers have decimal commas: the places of their columns.
  const plain = features.filter(({ encode, kind }) => encode === 'none' && kind !== 'text');
  const places = plain.map(({ name }) => header.indexOf(name));
  const cells = rows.flatMap((row) => places.map((place) => row[place] ?? ''));
  const commas = hasDecimalCommas(cells, separator);
  const numbers = new Set(commas ? places : []);
  const value = (cell, at) => (numbers.has(at) ? withPoint(cell) : cell);
  const asked = new Set(features.map(({ name }) => name));
  return {
    header,
    rows,
    separator,
    mark: commas ? ',' : '.',
    others: [...header.keys()].filter((at) => !asked.has(header[at])),
    rowOf: (row) => Object.fromEntries(header.map((title, at) => [title, value(row[at] ?? '', at)])),
    cellOf: (row, at) => (commas && !asked.has(header[at]) ? withPoint(row[at] ?? '') : row[at] ?? ''),
  };
}
