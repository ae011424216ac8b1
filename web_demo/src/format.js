// Numbers as people read them, in the page's language.
import { currentLanguage } from './i18n.js';

/** Up to six digits; very small and very large ones as powers of ten. */
export function number(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e9)) return scientific(value);
  return local(value, { maximumSignificantDigits: 6 });
}

/** A whole number, with separators. */
export function count(value) {
  return local(value, { maximumFractionDigits: 0 });
}

/** Such as 3.1 × 10⁻⁷. */
export function scientific(value) {
  if (value === 0) return '0';
  const [digits, exponent] = value.toExponential(1).split('e');
  const raised = [...exponent.replace('+', '')].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]));
  return `${local(Number(digits), { minimumFractionDigits: 1 })} × 10${raised.join('')}`;
}

/** A share of 1 as a percentage with one digit. */
export function share(value) {
  return `${local(value * 100, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} %`;
}

/** A small share of 1 as a percentage that shows how small it is. */
export function percent(value) {
  const hundred = value * 100;
  if (!Number.isFinite(value)) return '–';
  return `${hundred && hundred < 1e-4 ? scientific(hundred) : local(hundred, { maximumSignificantDigits: 2 })} %`;
}

/** A percentage that a small share of 1 stays below: 0.0001 %, 0.001 %, … */
export function below(value) {
  const power = Math.max(-4, Math.floor(Math.log10(value * 100)) + 1);
  return `${local(10 ** power, { maximumFractionDigits: 4 })} %`;
}

/** A time in milliseconds. */
export function time(milliseconds) {
  if (milliseconds >= 10_000) return `${local(milliseconds / 1000, { maximumFractionDigits: 1 })} s`;
  const digits = milliseconds < 10 ? 1 : 0;
  return `${local(milliseconds, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ms`;
}

/** Bytes as KB or MB of 1,000. */
export function size(bytes) {
  const [unit, amount] = bytes < 1e6 ? ['KB', bytes / 1e3] : ['MB', bytes / 1e6];
  return `${local(amount, { maximumFractionDigits: amount < 10 ? 1 : 0 })} ${unit}`;
}

function local(value, options) {
  return new Intl.NumberFormat(currentLanguage(), options).format(value);
}
