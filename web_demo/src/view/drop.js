// A box to choose files with, or to drop them on.
import { el } from '../dom.js';

/**
 * A box to choose files with.
 * @param {{title: string, hint: string, className?: string}} words and what the file input has
 *   besides, such as accept
 * @param {(files: File[]) => void} take
 */
export function chooser({ title, hint, className = 'drop', ...properties }, take) {
  const input = el('input', { type: 'file', ...properties });
  input.onchange = () => {
    take([...input.files]);
    input.value = ''; // the same file may be chosen again
  };
  return el('label', { className }, el('strong', {}, title), el('span', { className: 'quiet' }, hint), input);
}

/**
 * The same, where files can be dropped, too.
 * @param {object} words as for chooser()
 * @param {(files: File[], entries: ?Array<FileSystemEntry>) => void} take entries where folders are
 *   among what was dropped
 * @returns {{element: Element, leave: Function}}
 */
export function dropZone(words, take) {
  const zone = chooser(words, take);
  for (const event of ['dragover', 'dragleave', 'drop']) {
    zone.addEventListener(event, () => zone.classList.toggle('over', event === 'dragover'));
  }
  // A file that misses the box is meant for the model too, and not to replace the page.
  const over = (event) => event.preventDefault();
  const drop = (event) => {
    event.preventDefault();
    const { files = [], items = [] } = event.dataTransfer ?? {};
    const entries = Array.from(items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
    take([...files], entries.some(({ isDirectory }) => isDirectory) ? entries : null);
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
