// An answer as cells of a table.
import { t } from '../i18n.js';
import { labelled } from './answer.js';

export const MANY = 10; // columns of one output that a page shows

/**
 * What an answer adds to its row: the label and its probabilities, or the numbers.
 * @returns {Array<{title, head?, value, aside?}>} head: the title for people; what is aside is in
 *   the file alone
 */
export function cellsOf(specs, outputs) {
  return specs.flatMap((spec) => {
    const { name, kind, classes, label } = spec;
    const { data } = outputs[name];
    const title = `predicted_${label ?? name}`;
    const head = label ?? (specs.length > 1 ? name : t('own.answer'));
    const columns = labelled(spec, data);
    if (columns) {
      const { labels, shares } = columns;
      const each = labels.map((label, n) => ({ title: `${title}: ${label}`, value: shares[n], aside: true }));
      if (specs.some((one) => one.kind === 'class')) return each;
      return [{ title, head, value: labels[shares.indexOf(Math.max(...shares))] }, ...each];
    }
    const own = classes?.length === data.length && kind === 'value' ? classes : null;
    return Array.from(data, (value, n) => ({
      title: own ? `predicted_${own[n]}` : data.length > 1 ? `${title} ${n + 1}` : title,
      head: own ? own[n] : data.length > 1 ? `${head} ${n + 1}` : head,
      value: kind === 'class' ? classes?.[value] ?? value : value,
      aside: data.length > MANY && n >= MANY,
    }));
  });
}
