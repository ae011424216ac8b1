// Many questions at once: a table of their answers, which is also there to download as CSV.
import { writeCsv } from '../csv.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { t } from '../i18n.js';
import { labelled } from './answer.js';

const SHOWN = 100;

/**
 * Where such a table is shown.
 * @param {object} manifest
 * @param {{words: Function}} act
 * @returns {{element: Element, run: Function, clear: Function, leave: Function}} run(table, ask)
 *   asks once for each of the rows of {name, header, rows, separator, mark}: ask(cells, n) gives the
 *   outputs or throws; clear() ends what runs, too
 */
export function severalAnswers(manifest, act) {
  const element = el('div', { className: 'results' });
  let runs = 0; // counts starts, so that an old one ends
  let download = null;

  function clear() {
    runs += 1;
    if (download) URL.revokeObjectURL(download);
    download = null;
    element.replaceChildren();
  }

  async function run(table, ask) {
    clear();
    const mine = runs;
    const status = el('p', { role: 'status' });
    element.replaceChildren(status);
    const total = count(table.rows.length);
    const done = [];
    for (const [n, cells] of table.rows.entries()) {
      if (n % 20 === 0 || table.rows.length < 200) {
        status.textContent = t('several.running', { done: count(n), total });
      }
      try {
        done.push({ outputs: await ask(cells, n) });
      } catch (error) {
        done.push({ error: act.words(error) });
      }
      if (mine !== runs) return;
    }
    show(table, done);
  }

  function show({ name, header, rows, separator = ',', mark = '.' }, done) {
    const bad = done.filter(({ error }) => error !== undefined).length;
    const columns = columnsOf(manifest.outputs, done.find(({ outputs }) => outputs)?.outputs);
    const titles = columns.map(({ title }) => title);
    const failed = bad ? [t('several.error')] : [];
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
      mark,
    );
    download = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv' }));
    const save = el('a', { href: download, className: 'button', id: 'csv-download' }, t('several.download'));
    save.download = name;
    // A single name says better than a number which row it is; of many columns the answer is first.
    const ordered = (own, rest, n) => (names.length === 1 ? [...own, ...rest] : [n, ...rest, ...own]);
    const heads = ordered(names, [...titles, ...failed], t('several.row'));
    const body = lines.slice(0, SHOWN).map(({ own, given, error }, n) => {
      const cells = ordered(own, [...given.map(brief), ...error], n + 1);
      return el('tr', {}, ...cells.map((value) => el('td', {}, String(value))));
    });
    const answered = { count: count(rows.length - bad), bad: count(bad) };
    const parts = [el('p', { role: 'status' }, t(bad ? 'several.failed' : 'several.done', answered)), save];
    if (lines.length > SHOWN) {
      parts.push(el('p', { className: 'quiet' }, t('several.shown', { count: SHOWN })));
    }
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
    element.replaceChildren(...parts, scroll);
  }

  return { element, run, clear, leave: clear };
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
