// A whole table at once: a CSV file in, the same with the answers out.
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { dropZone } from './drop.js';

/** The drop zone for a CSV file. */
export function csvControls(act) {
  const words = { title: t('csv.choose'), hint: t('csv.drop'), className: 'drop small' };
  const take = ([file]) => file && act.several({ table: file });
  const zone = dropZone({ ...words, accept: '.csv,text/csv', id: 'csv' }, take);
  return { element: el('div', { className: 'csv' }, zone.element), leave: zone.leave };
}

/** Text in UTF-8, or in the code page that Excel saves in. */
export function decoded(bytes) {
  const text = new TextDecoder().decode(bytes);
  return text.includes('\ufffd') ? new TextDecoder('windows-1252').decode(bytes) : text;
}
