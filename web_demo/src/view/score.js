// How good the model and the file are by the true labels: a line, and which classes are mistaken.
import { el } from '../dom.js';
import { count, number, share } from '../format.js';
import { t } from '../i18n.js';
import { times } from './answer.js';
import { fileName } from './header.js';

/** The line under the facts; nothing where the samples had no labels. */
export function score(file, manifest) {
  const place = document.getElementById('score');
  const { performance } = manifest.reference;
  place.hidden = !performance;
  if (!performance) return;
  const own = manifest.artifacts
    .find(({ files }) => files.some(({ path }) => path === file.file))
    ?.verification?.find((row) => row.performance)?.performance;
  const { classes, unit } = manifest.outputs.find((output) => output.name === performance.output);
  const told = [el('li', {}, t('score.original', worded(performance, unit)))];
  if (own) {
    const original = worded({ ...own, values: own.original }, unit).figures;
    told.push(el('li', {}, t('score.file', { ...worded(own, unit), file: fileName(file), original })));
  }
  const [name, value] = Object.entries(performance.values)[0];
  place.replaceChildren(
    el('summary', {}, t('score.title', { value: figure(name, value) })),
    el('ul', {}, ...told),
    ...mistaken(performance.confusion, (n) => classes?.[n] ?? String(n)),
  );
}

function worded({ values, samples }, unit) {
  const figures = Object.entries(values).map(([name, value]) => {
    const error = ['MAE', 'RMSE'].includes(name) && unit;
    return figure(name, value) + (error ? ` ${times(unit)}` : '');
  });
  return { figures: figures.join(', '), samples: count(samples) };
}

function figure(name, value) {
  const names = { accuracy: 'score.accuracy', 'macro F1': 'score.f1' };
  const shown = name === 'accuracy' ? share(value) : number(Number(value.toPrecision(4)));
  return `${names[name] ? t(names[name]) : name} ${shown}`;
}

/** The confusion matrix; of many classes the pairs that are mistaken most. */
function mistaken(confusion, nameOf) {
  if (!confusion) return [];
  const { counts, pairs } = confusion;
  if (!counts.length) {
    const lines = pairs.map((pair) => pair.split(' ')).map(([is, said, times]) =>
      el('li', {}, t('score.pair', { is: nameOf(is), said: nameOf(said), times: count(Number(times)) })));
    return [el('ul', {}, ...lines)];
  }
  const heads = counts.map((_, n) => el('th', { scope: 'col', className: 'number' }, nameOf(n)));
  const rows = counts.map((row, is) => {
    const cells = row.split(' ').map((value, said) => {
      const hit = said === is ? ' hit' : ' miss';
      const kind = value === '0' ? '' : hit;
      return el('td', { className: `number${kind}` }, count(Number(value)));
    });
    return el('tr', {}, el('th', { scope: 'row' }, nameOf(is)), ...cells);
  });
  const table = el(
    'table',
    { className: 'confusion' },
    el('thead', {}, el('tr', {}, el('th', {}, t('score.corner')), ...heads)),
    el('tbody', {}, ...rows),
  );
  return [el('div', { className: 'scroll' }, table)];
}
