// Buttons of the packaged samples, and their numbers as text.
import { el } from '../dom.js';
import { t } from '../i18n.js';

/** The packaged samples as numbered buttons. */
export function sampleChips(reference, act, also = () => {}) {
  const buttons = reference.samples.map((_, n) =>
    chip(n, () => {
      also(n);
      act.sample(n);
    }),
  );
  return [
    el('p', { className: 'quiet' }, t('tensor.samples')),
    el('div', { className: 'chips' }, ...buttons),
  ];
}

/** A numbered button of a sample. */
export function chip(n, onclick, words = '') {
  const label = [t('table.sample', { n: n + 1 }), words].filter(Boolean).join(': ');
  return el('button', { type: 'button', onclick, 'aria-label': label, 'data-sample': n }, String(n + 1));
}

/** A float32 as the shortest decimal that is the same one. */
export function short(value) {
  for (let digits = 1; digits <= 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return text;
  }
  return value;
}
