// The one number of an answer that is explained and judged.
import { number, share } from './format.js';
import { labelled, times } from './view/answer.js';

/**
 * Which output it is: the first that says how likely classes are, else a class alone, else the
 * first single number.
 * @param {Array} specs the outputs, as in the manifest
 * @param {object} outputs of any sample: {name: {data, shape}}
 * @returns {?{spec: object, kind: 'share' | 'class' | 'value'}} null where there is none
 */
export function targetOf(specs, outputs) {
  const share_ = specs.find((spec) => labelled(spec, outputs[spec.name].data));
  if (share_) return { spec: share_, kind: 'share' };
  const single = specs.filter((spec) => outputs[spec.name].data.length === 1);
  const class_ = single.find(({ kind }) => kind === 'class');
  if (class_) return { spec: class_, kind: 'class' };
  const value = single.find(({ kind }) => kind === 'value') ?? single.at(0);
  return value ? { spec: value, kind: 'value' } : null;
}

/**
 * An answer by that output.
 * @returns {{best: ?number, label: string, sure: ?number, value: ?number, shares: ?number[]}} the
 *   class, what it is called, how sure the model is of it; or the value of a regression
 */
export function judgedBy({ spec, kind }, outputs) {
  const { data } = outputs[spec.name];
  if (kind === 'value') return { best: null, label: inUnits(spec, data[0]), sure: null, value: data[0], shares: null };
  if (kind === 'class') return { best: data[0], label: className(spec, data[0]), sure: null, value: null, shares: null };
  const { labels, shares } = labelled(spec, data);
  const best = shares.indexOf(Math.max(...shares));
  return { best, label: labels[best], sure: shares[best], value: null, shares };
}

/**
 * The number that changes are measured by: the share of one class, 1 or 0 for a class that is told
 * alone, or the value.
 */
export function measure(target, answer, outputs) {
  const now = judgedBy(target, outputs);
  if (target.kind === 'value') return now.value;
  return target.kind === 'class' ? Number(now.best === answer.best) : now.shares[answer.best];
}

/** Such a number in words. */
export function inWords({ spec, kind }, value) {
  return kind === 'value' ? inUnits(spec, value) : share(value);
}

/** All classes that an output tells apart, where it is known. */
export function classesOf({ spec }, outputs) {
  if (spec.kind === 'class') return spec.classes ?? null;
  return labelled(spec, outputs[spec.name].data)?.labels ?? null;
}

const inUnits = ({ unit }, value) => number(value) + (unit ? ` ${times(unit)}` : '');
const className = ({ classes }, place) => classes?.[place] ?? String(place);
