// A whole table at once: a CSV file in, the same with the answers out.
import { hasDecimalCommas, readCsv, withPoint } from '../csv.js';
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { PageError } from '../errors.js';
import { dropZone } from './drop.js';
import { severalAnswers } from './batch.js';

/** The drop zone for a CSV file, and its table of answers. */
export function csvControls(manifest, features, act) {
  const answers = severalAnswers(manifest, act);
  const words = { title: t('csv.choose'), hint: t('csv.drop'), className: 'drop small' };
  const zone = dropZone({ ...words, accept: '.csv,text/csv', id: 'csv' }, ([file]) => file && take(file));
  let latest = null;

  async function take(file) {
    latest = file;
    answers.clear();
    try {
      const table = checked(decoded(await file.arrayBuffer()), features);
      if (file === latest) await answerAll(file.name, table);
    } catch (error) {
      if (file === latest) act.trouble(error);
    }
  }

  function answerAll(name, { header, rows, separator, numbers }) {
    const value = (cell, at) => (numbers?.has(at) ? withPoint(cell) : cell);
    const table = { header, rows, separator, mark: numbers ? ',' : '.' };
    return answers.run({ name: name.replace(/(\.csv)?$/i, '-answers.csv'), ...table }, (cells) =>
      act.quiet(Object.fromEntries(header.map((title, at) => [title, value(cells[at] ?? '', at)]))),
    );
  }

  return {
    element: el('div', { className: 'csv' }, zone.element, answers.element),
    leave() {
      latest = null;
      answers.leave();
      zone.leave();
    },
  };
}

/** Text in UTF-8, or in the code page that Excel saves in. */
export function decoded(bytes) {
  const text = new TextDecoder().decode(bytes);
  return text.includes('\ufffd') ? new TextDecoder('windows-1252').decode(bytes) : text;
}

function checked(text, features) {
  if (text.includes('\0')) throw new PageError('csv.kind');
  const table = readCsv(text);
  if (!table.rows.length) throw new PageError('csv.empty');
  const lacking = features.filter(({ name }) => !table.header.includes(name));
  if (lacking.length) {
    const names = (list) => list.map(({ name }) => name).join(', ');
    throw new PageError('csv.columns', { names: names(lacking), wanted: names(features) });
  }
  // Where numbers have decimal commas: the places of their columns.
  const plain = features.filter(({ encode, kind }) => encode === 'none' && kind !== 'text');
  const at = plain.map(({ name }) => table.header.indexOf(name));
  const cells = table.rows.flatMap((row) => at.map((place) => row[place] ?? ''));
  return { ...table, numbers: hasDecimalCommas(cells, table.separator) ? new Set(at) : null };
}
