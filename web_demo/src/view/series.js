// A model that takes the last values of a series: pasted, from a CSV or a sample, and drawn.
import { el } from '../dom.js';
import { PageError } from '../errors.js';
import { count, number } from '../format.js';
import { t } from '../i18n.js';
import { asked, columnsOf, forecastOf, lastRows, readRows, readTable, rowsOf, windowInput } from '../series.js';
import { decoded } from './csv.js';
import { dropZone } from './drop.js';
import { lineChart } from './line_chart.js';
import { chip, short } from './samples.js';
import { svg } from './svg.js';

/** The controls: a chart, a box for numbers, a CSV file with its columns, and samples. */
export function seriesControls({ manifest, reference }, act) {
  const { series } = manifest;
  const { channels, unit } = series;
  const told = forecastOf(manifest);
  const chart = lineChart();
  const box = el('textarea', { id: 'series', rows: 7, spellcheck: false, autocomplete: 'off' });
  const remark = el('p', { className: 'quiet', id: 'series-count' });
  box.setAttribute('aria-describedby', remark.id);
  const form = el('form', { className: 'json' });
  const title = channels.length > 1 ? t('series.paste.rows', { names: channels.join(' · ') }) : t('series.paste');
  const file = csvPart(manifest, take, act);
  let ends = null;

  /** Draw some rows, and what was said of them. */
  function draw(rows, outputs = null) {
    const values = told && outputs ? [...outputs[told.name].data] : null;
    const steps = series.steps ?? rows.length;
    const forecast = values && { channel: told.channel, values };
    chart.show({ rows: rows.slice(-steps), channels, unit, ends, forecast });
  }

  function counted(rows) {
    const wanted = series.steps;
    const key = !wanted || rows.length === wanted ? 'exact' : rows.length > wanted ? 'more' : 'few';
    remark.textContent = t(`series.${key}`, { got: count(rows.length), wanted: count(wanted ?? 0) });
  }

  function send(more = {}) {
    let rows = [];
    try {
      rows = readRows(box.value, channels);
      counted(rows);
      draw(rows);
      const input = windowInput(manifest, rows);
      act.tensors(input, { what: t('series.what'), told: (outputs) => draw(rows, outputs), ...more });
    } catch (error) {
      if (!rows.length) draw(rows);
      remark.textContent = error.message;
      act.trouble(error);
    }
  }

  const write = (rows) => {
    box.value = rows.map((row) => row.map(short).join('\t')).join('\n');
  };

  /** Rows of a CSV, of which its file says where they stood. */
  function take(found, what) {
    box.value = found.rows.map((row) => row.join('\t')).join('\n');
    ends = found.ends;
    send({ what });
  }

  const given = (n) => rowsOf(reference.samples[n].inputs[manifest.inputs[0].name], channels);

  function fill(n) {
    ends = null;
    file.forget();
    const rows = given(n);
    write(rows);
    counted(rows);
    draw(rows);
    return rows;
  }

  box.oninput = () => {
    ends = null;
    file.forget();
    send({ live: true });
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    send();
  };
  form.append(
    el('label', {}, title, box),
    remark,
    el('button', { type: 'submit', className: 'main' }, t('table.predict')),
  );
  const buttons = reference.samples.map((sample, n) => {
    const channel = told?.channel ?? Math.max(0, channels.indexOf(series.target));
    const ends = [given(n).at(-1)[channel], ...(told ? [sample.outputs[told.name].data[0]] : [])];
    const words = ends.map(number).join(' → ');
    const take = () => {
      const rows = fill(n);
      act.sample(n, (outputs) => draw(rows, outputs));
    };
    const button = chip(n, take, words);
    button.replaceChildren(spark(given(n), channel), words);
    return button;
  });
  fill(0);
  return {
    controls: [el('p', { className: 'quiet' }, t('series.takes', { what: asked(series) })), chart.element, form, file.element],
    samples: [
      el('p', { className: 'quiet' }, t('tensor.samples')),
      el('div', { className: 'chips' }, ...buttons),
    ],
    begin: () => send({ live: true }),
    leave() {
      chart.leave();
      file.leave();
    },
  };
}

/** One channel of some rows, as small as a word. */
function spark(rows, channel) {
  const values = rows.map((row) => row[channel]);
  const low = Math.min(...values);
  const wide = Math.max(...values) - low || 1;
  const points = values.map((value, n) => `${(62 * n) / Math.max(1, values.length - 1) + 1},${22 - (20 * (value - low)) / wide}`);
  return svg('svg', { viewBox: '0 0 64 24', class: 'spark', 'aria-hidden': 'true' }, svg('polyline', { points: points.join(' '), class: 'line' }));
}

/** A CSV file, of whose columns each channel takes one. */
function csvPart({ series }, take, act) {
  const { channels, steps } = series;
  const said = el('p', { className: 'quiet', id: 'series-rows', role: 'status' });
  const fields = el('div', { className: 'form', hidden: true });
  const words = { title: t('series.choose'), hint: t('series.drop'), className: 'drop small' };
  const zone = dropZone({ ...words, accept: '.csv,.txt,.tsv,text/csv', id: 'csv' }, ([file]) => file && open(file));
  let latest = null;

  async function open(file) {
    latest = file;
    said.textContent = '';
    fields.hidden = true;
    try {
      const table = readTable(decoded(await file.arrayBuffer()));
      if (file !== latest) return;
      const places = columnsOf(table, channels);
      fields.replaceChildren(...channels.map((channel, n) => chooser(channel, n, table, places, file.name)));
      fields.hidden = false;
      answer(table, places, file.name);
    } catch (error) {
      if (file === latest) act.trouble(error);
    }
  }

  function chooser(channel, n, table, places, name) {
    const none = el('option', { value: -1 }, t('series.column'));
    const options = table.header.map((title, at) => el('option', { value: at }, title || String(at + 1)));
    const choice = el('select', { name: channel }, none, ...options);
    choice.value = String(places[n]);
    choice.onchange = () => {
      places[n] = Number(choice.value);
      answer(table, places, name);
    };
    return el('div', { className: 'field' }, el('label', {}, t('series.from', { channel }), choice));
  }

  function answer(table, places, name) {
    try {
      const lacking = channels.filter((_, n) => !(places[n] >= 0));
      if (lacking.length) throw new PageError('series.which', { names: lacking.join(', ') });
      const found = lastRows(table, places, steps);
      const values = { first: count(found.first), last: count(found.last), file: name };
      said.textContent = t('series.taken', values);
      take(found, said.textContent);
    } catch (error) {
      said.textContent = '';
      act.trouble(error);
    }
  }

  return {
    element: el('div', { className: 'csv' }, zone.element, fields, said),
    /** What stands in the box is no longer the file's. */
    forget() {
      said.textContent = '';
    },
    leave() {
      latest = null;
      zone.leave();
    },
  };
}
