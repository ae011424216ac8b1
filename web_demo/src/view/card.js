// What the author of a model says of it: its model card.
import { el } from '../dom.js';
import { fetchOk } from '../fetching.js';
import { t } from '../i18n.js';
import { placeOf } from '../paths.js';

/** The section; nothing where nobody wrote a card. */
export function cardView({ entry }) {
  const section = document.getElementById('card');
  section.hidden = !entry.card;
  if (!entry.card) return;
  const text = el('div', { className: 'card' });
  section.replaceChildren(el('h3', { id: 'card-title' }, t('card.title')), text);
  // `demo` wrote it from Markdown: headings, paragraphs, lists, tables and links.
  fetchOk(new URL(`?${entry.revision}`, placeOf(entry, entry.card)))
    .then((response) => response.text())
    .then(
      (html) => text.replaceChildren(...new DOMParser().parseFromString(html, 'text/html').body.childNodes),
      () => {
        section.hidden = true;
      },
    );
}
