// Many questions at once: a table of their answers, which is also there to download as CSV.
import { writeCsv } from '../csv.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { t } from '../i18n.js';
import { labelled, summary } from './answer.js';

const SHOWN = 100; // rows
const MANY = 10; // columns of one output

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
    const answers = done.map(({ outputs }) => outputs && cellsOf(manifest.outputs, outputs));
    const columns = answers.find(Boolean) ?? [];
    const titles = columns.map(({ title }) => title);
    const failed = bad ? [t('several.error')] : [];
    // Columns of an earlier download make way for the new ones.
    const kept = [...header.keys()].filter((at) => ![...titles, ...failed].includes(header[at]));
    const names = kept.map((at) => header[at]);
    const nothing = columns.map((cell) => ({ ...cell, value: '', short: '' }));
    const lines = rows.map((cells, n) => ({
      own: kept.map((at) => cells[at] ?? ''),
      given: answers[n] ?? nothing,
      error: bad ? [done[n].error ?? ''] : [],
    }));
    const text = writeCsv(
      [...names, ...titles, ...failed],
      lines.map(({ own, given, error }) => [...own, ...given.map(({ value }) => value), ...error]),
      separator,
      mark,
    );
    download = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv' }));
    const save = el('a', { href: download, className: 'button', id: 'csv-download' }, t('several.download'));
    save.download = name;
    // A single name says better than a number which row it is; of many columns the answer is first.
    const ordered = (own, rest, n) => (names.length === 1 ? [...own, ...rest] : [n, ...rest, ...own]);
    const onPage = (cells, of) => cells.filter(({ aside }) => !aside).map(of);
    const shown = [...onPage(columns, ({ title }) => title), ...failed];
    const heads = ordered(names, shown, t('several.row'));
    const body = lines.slice(0, SHOWN).map(({ own, given, error }, n) => {
      const words = onPage(given, ({ short, value }) => short ?? brief(value));
      const cells = ordered(own, [...words, ...error], n + 1);
      return el('tr', {}, ...cells.map((value) => el('td', {}, String(value))));
    });
    const answered = { count: count(rows.length - bad), bad: count(bad) };
    const parts = [el('p', { role: 'status' }, t(bad ? 'several.failed' : 'several.done', answered)), save];
    if (lines.length > SHOWN) {
      parts.push(el('p', { className: 'quiet' }, t('several.shown', { count: SHOWN })));
    }
    if (columns.some(({ aside }) => aside)) {
      parts.push(el('p', { className: 'quiet' }, t('several.columns')));
    }
    const scroll = el(
      'div',
      { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('several.table') },
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

/**
 * What an answer adds to its row: the label and its probabilities, or the numbers.
 * @returns {Array<{title, value, short?, aside?}>} short is the value on the page; what is aside is
 *   in the file alone
 */
function cellsOf(specs, outputs) {
  return specs.flatMap((spec) => {
    const { name, kind, classes, label } = spec;
    const { data } = outputs[name];
    const title = `predicted_${label ?? name}`;
    const columns = labelled(spec, data);
    if (columns) {
      const { labels, shares } = columns;
      const aside = labels.length > MANY;
      const each = labels.map((label, n) => ({ title: `${title}: ${label}`, value: shares[n], aside }));
      if (specs.some((one) => one.kind === 'class')) return each;
      const value = labels[shares.indexOf(Math.max(...shares))];
      return [{ title, value, short: aside ? summary(spec, outputs[name]) : value }, ...each];
    }
    const own = classes?.length === data.length && kind === 'value' ? classes : null;
    return Array.from(data, (value, n) => ({
      title: own ? `predicted_${own[n]}` : data.length > 1 ? `${title} ${n + 1}` : title,
      value: kind === 'class' ? classes?.[value] ?? value : value,
      aside: data.length > MANY && n >= MANY,
    }));
  });
}

const brief = (value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);
