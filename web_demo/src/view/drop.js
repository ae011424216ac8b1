// A box to choose files with, or to drop them on.
import { el } from '../dom.js';

/**
 * @param {{title: string, hint: string, className?: string}} words and what the file input has
 *   besides, such as accept
 * @param {(files: File[]) => void} take
 * @returns {{element: Element, leave: Function}}
 */
export function dropZone({ title, hint, className = 'drop', ...input }, take) {
  const chooser = el('input', { type: 'file', ...input });
  chooser.onchange = () => {
    take([...chooser.files]);
    chooser.value = ''; // the same file may be chosen again
  };
  const zone = el(
    'label',
    { className },
    el('strong', {}, title),
    el('span', { className: 'quiet' }, hint),
    chooser,
  );
  for (const event of ['dragover', 'dragleave', 'drop']) {
    zone.addEventListener(event, () => zone.classList.toggle('over', event === 'dragover'));
  }
  // A file that misses the box is meant for the model too, and not to replace the page.
  const over = (event) => event.preventDefault();
  const drop = (event) => {
    event.preventDefault();
    take([...(event.dataTransfer?.files ?? [])]);
  };
  document.addEventListener('dragover', over);
  document.addEventListener('drop', drop);
  return {
    element: zone,
    leave() {
      document.removeEventListener('dragover', over);
      document.removeEventListener('drop', drop);
    },
  };
}
