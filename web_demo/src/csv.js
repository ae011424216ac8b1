// CSV as RFC 4180 has it, read and written; also with semicolons or tabs and with decimal commas, as
// spreadsheets save it in much of the world.

/**
 * Read a table.
 * @param {string} text with a header line
 * @returns {{header: string[], rows: string[][], separator: string}} rows without the empty lines;
 *   where there is one column, a line of blanks or with nothing but "" is a text
 */
export function readCsv(text) {
  const whole = text.replace(/^\ufeff/, '');
  const told = /^sep=(.)\r?\n/i.exec(whole); // Excel's own line
  const plain = told ? whole.slice(told[0].length) : whole;
  const separator = told ? told[1] : likely(plain);
  const lines = [];
  let line = [];
  let cell = '';
  let quoted = false;
  let said = false; // whether a cell of the line is in quotes
  const end = () => {
    const text = lines[0]?.length === 1 && !line.length && (said || cell !== '');
    if (text || [...line, cell].some((value) => value.trim() !== '')) lines.push([...line, cell]);
    [line, cell, said] = [[], '', false];
  };
  for (let at = 0; at < plain.length; at += 1) {
    const c = plain[at];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (plain[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (c === '"' && cell.trim() === '') {
      cell = '';
      quoted = true;
      said = true;
    } else if (c === separator) {
      line.push(cell);
      cell = '';
    } else if (c === '\n' || c === '\r') {
      if (c === '\r' && plain[at + 1] === '\n') at += 1;
      end();
    } else cell += c;
  }
  end();
  return { header: (lines[0] ?? []).map((name) => name.trim()), rows: lines.slice(1), separator };
}

/** The separator that the header line has most of. */
function likely(text) {
  const first = text.split(/\r?\n/, 1)[0].replace(/"[^"]*"/g, '');
  const counts = [',', ';', '\t'].map((c) => [first.split(c).length, c]);
  return counts.reduce((best, one) => (one[0] > best[0] ? one : best))[1];
}

const DECIMAL = /^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$/; // 1234,5 or 1.234,5
const GROUPED = /^[+-]?\d{1,3}(\.\d{3}){2,}$/; // 1.234.567
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+$/; // 1,234 where commas separate cells: English

/** Whether cells that are numbers have decimal commas. */
export function hasDecimalCommas(cells, separator) {
  return cells.some((cell) => {
    const text = cell.trim();
    return GROUPED.test(text) || (DECIMAL.test(text) && !(separator === ',' && THOUSANDS.test(text)));
  });
}

/** A number with a decimal comma, and points between its thousands, as one with a decimal point. */
export function withPoint(cell) {
  const text = cell.trim();
  const grouped = /^[+-]?\d{1,3}(\.\d{3})+(,\d+)?$/.test(text);
  return (grouped ? text.replaceAll('.', '') : text).replace(',', '.');
}

// What a spreadsheet would compute, and not show: a formula may run programs and send what is in others.
const FORMULA = /^([=@\t\r]|[+-].*[(!|])/s;

/** A table as text; numbers get the decimal mark that is asked for, and what would be a formula is text. */
export function writeCsv(header, rows, separator = ',', mark = '.') {
  const cell = (value) => {
    const told = typeof value === 'number' ? String(value).replace('.', mark) : String(value);
    const text = FORMULA.test(told) ? `'${told}` : told;
    const bare = !text.includes(separator) && !/["\r\n]/.test(text);
    return bare ? text : `"${text.replaceAll('"', '""')}"`;
  };
  return [header, ...rows].map((line) => `${line.map(cell).join(separator)}\r\n`).join('');
}
