// A whole table at once: a CSV file in, the same with the answers out.
import { hasDecimalCommas, readCsv, withPoint, writeCsv } from '../csv.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { t } from '../i18n.js';
import { PageError } from '../troubles.js';
import { labelled } from './answer.js';

const SHOWN = 100;

/** The drop zone for a CSV file, and its table of answers. */
export function csvControls(manifest, features, act) {
  const results = el('div', { className: 'results' });
  const chooser = el('input', { type: 'file', accept: '.csv,text/csv', id: 'csv' });
  const zone = el(
    'label',
    { className: 'drop small' },
    el('strong', {}, t('csv.choose')),
    el('span', { className: 'quiet' }, t('csv.drop')),
    chooser,
  );
  let run = 0;
  let download = null;

  async function take(file) {
    run += 1;
    const mine = run;
    results.replaceChildren();
    try {
      const table = checked(decoded(await file.arrayBuffer()), features);
      const done = await answers(table, () => mine === run);
      if (mine === run) show(file.name, table, done);
    } catch (error) {
      if (mine === run) act.trouble(error);
    }
  }

  /** One answer a row, or why there is none. */
  async function answers({ header, rows, numbers }, wanted) {
    const status = el('p', { role: 'status' });
    results.replaceChildren(status);
    const done = [];
    for (const [n, cells] of rows.entries()) {
      if (!wanted()) return done;
      if (n % 20 === 0) {
        status.textContent = t('csv.running', { done: count(n), total: count(rows.length) });
      }
      const value = (cell, at) => (numbers?.has(at) ? withPoint(cell) : cell);
      const row = Object.fromEntries(header.map((name, at) => [name, value(cells[at] ?? '', at)]));
      try {
        done.push({ outputs: await act.quiet(row) });
      } catch (error) {
        done.push({ error: act.words(error) });
      }
    }
    return done;
  }

  function show(name, { header, rows, separator, numbers }, done) {
    const bad = done.filter(({ error }) => error !== undefined).length;
    const columns = columnsOf(manifest.outputs, done.find(({ outputs }) => outputs)?.outputs);
    const titles = columns.map(({ title }) => title);
    const failed = bad ? [t('csv.error')] : [];
    // Columns of an earlier download make way for the new ones.
    const kept = [...header.keys()].filter((at) => ![...titles, ...failed].includes(header[at]));
    const names = kept.map((at) => header[at]);
    const lines = rows.map((cells, n) => {
      const { outputs, error } = done[n];
      const own = kept.map((at) => cells[at] ?? '');
      const given = columns.map(({ of }) => (outputs ? of(outputs) : ''));
      return { own, given, error: bad ? [error ?? ''] : [] };
    });
    const text = writeCsv(
      [...names, ...titles, ...failed],
      lines.map(({ own, given, error }) => [...own, ...given, ...error]),
      separator,
      numbers ? ',' : '.',
    );
    if (download) URL.revokeObjectURL(download);
    download = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv' }));
    const save = el('a', { href: download, className: 'button', id: 'csv-download' }, t('csv.download'));
    save.download = name.replace(/(\.csv)?$/i, '-answers.csv');
    const heads = [t('csv.row'), ...titles, ...failed, ...names];
    const body = lines.slice(0, SHOWN).map(({ own, given, error }, n) =>
      el('tr', {}, ...[n + 1, ...given.map(brief), ...error, ...own].map((v) => el('td', {}, String(v)))),
    );
    const summary = t(bad ? 'csv.failed' : 'csv.done', { count: count(rows.length - bad), bad: count(bad) });
    const parts = [el('p', { role: 'status' }, summary), save];
    if (lines.length > SHOWN) parts.push(el('p', { className: 'quiet' }, t('csv.shown', { count: SHOWN })));
    const scroll = el(
      'div',
      { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('page.answer') },
      el(
        'table',
        {},
        el('thead', {}, el('tr', {}, ...heads.map((h) => el('th', { scope: 'col' }, h)))),
        el('tbody', {}, ...body),
      ),
    );
    results.replaceChildren(...parts, scroll);
  }

  chooser.onchange = () => {
    if (chooser.files[0]) take(chooser.files[0]);
    chooser.value = '';
  };
  for (const event of ['dragover', 'dragleave']) {
    zone.addEventListener(event, () => zone.classList.toggle('over', event === 'dragover'));
  }
  const over = (event) => event.preventDefault();
  const drop = (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    if (event.dataTransfer?.files[0]) take(event.dataTransfer.files[0]);
  };
  document.addEventListener('dragover', over);
  document.addEventListener('drop', drop);
  return {
    element: el('div', { className: 'csv' }, zone, results),
    leave() {
      run += 1;
      if (download) URL.revokeObjectURL(download);
      document.removeEventListener('dragover', over);
      document.removeEventListener('drop', drop);
    },
  };
}

/** Text in UTF-8, or in the code page that Excel saves in. */
function decoded(bytes) {
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
  const plain = features.filter(({ encode, text }) => encode === 'none' && !text);
  const at = plain.map(({ name }) => table.header.indexOf(name));
  const cells = table.rows.flatMap((row) => at.map((place) => row[place] ?? ''));
  return { ...table, numbers: hasDecimalCommas(cells, table.separator) ? new Set(at) : null };
}

/** The columns that an answer adds: the label and its probabilities, or the numbers. */
function columnsOf(specs, example) {
  if (!example) return [];
  return specs.flatMap((spec) => {
    const { name, kind, classes } = spec;
    const columns = labelled(spec, example[name].data);
    if (columns) {
      const best = (outputs) => {
        const { labels, shares } = labelled(spec, outputs[name].data);
        return labels[shares.indexOf(Math.max(...shares))];
      };
      const shares = columns.labels.map((label, n) => ({
        title: `predicted_${name}: ${label}`,
        of: (outputs) => labelled(spec, outputs[name].data).shares[n],
      }));
      return specs.some((one) => one.kind === 'class') ? shares : [{ title: `predicted_${name}`, of: best }, ...shares];
    }
    const each = (n) => (outputs) => {
      const value = outputs[name].data[n];
      return kind === 'class' ? classes?.[value] ?? value : value;
    };
    const { length } = example[name].data;
    return Array.from({ length }, (_, n) => ({
      title: `predicted_${name}${length > 1 ? ` ${n + 1}` : ''}`,
      of: each(n),
    }));
  });
}

const brief = (value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);
