// CSV as RFC 4180 has it, read and written; also with semicolons or tabs, as spreadsheets save it.

/**
 * Read a table.
 * @param {string} text with a header line
 * @returns {{header: string[], rows: string[][]}} rows without the empty lines
 */
export function readCsv(text) {
  const plain = text.replace(/^\ufeff/, '');
  const separator = likely(plain);
  const lines = [];
  let line = [];
  let cell = '';
  let quoted = false;
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
    } else if (c === separator) {
      line.push(cell);
      cell = '';
    } else if (c === '\n' || c === '\r') {
      if (c === '\r' && plain[at + 1] === '\n') at += 1;
      lines.push([...line, cell]);
      line = [];
      cell = '';
    } else cell += c;
  }
  if (cell !== '' || line.length) lines.push([...line, cell]);
  const full = lines.filter((cells) => cells.some((value) => value.trim() !== ''));
  return { header: (full[0] ?? []).map((name) => name.trim()), rows: full.slice(1) };
}

/** The separator that the header line has most of. */
function likely(text) {
  const first = text.split(/\r?\n/, 1)[0].replace(/"[^"]*"/g, '');
  const counts = [',', ';', '\t'].map((c) => [first.split(c).length, c]);
  return counts.reduce((best, one) => (one[0] > best[0] ? one : best))[1];
}

/** A table as text. */
export function writeCsv(header, rows) {
  const cell = (value) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [header, ...rows].map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}
