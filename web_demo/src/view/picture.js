// Inputs that are pictures: a file, a drop, a paste, a drawing, the camera, a sample.
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { camera } from './camera.js';
import { drawing } from './drawing.js';

/**
 * The controls of a picture model.
 * @returns {{controls: Array, samples: Array, leave: Function}}
 */
export function pictureControls({ entry, manifest, folder }, act) {
  const { color, size } = manifest.preprocessing.image;
  const preview = el('canvas', {
    id: 'preview',
    hidden: true,
    role: 'img',
    'aria-label': t('picture.shown'),
  });
  const film = camera(act);
  const controls = [];

  async function take(blob, what) {
    film.stop();
    try {
      show(preview, await act.file(blob, what));
    } catch (error) {
      preview.hidden = true;
      act.trouble(error);
    }
  }

  if (color === 'gray' && Math.max(...size) <= 64) controls.push(drawing(size, act));
  controls.push(dropZone(take), film.element, preview);

  const paste = ({ clipboardData }) => {
    const file = [...(clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'));
    if (file) take(file, file.name);
  };
  // A picture that misses the box is meant for the model too, and not to replace the page.
  const over = (event) => event.preventDefault();
  const drop = (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file) take(file, file.name);
  };
  document.addEventListener('paste', paste);
  document.addEventListener('dragover', over);
  document.addEventListener('drop', drop);
  return {
    controls,
    samples: entry.pictures.length ? [thumbs(entry.pictures, folder, take)] : [],
    leave() {
      film.stop();
      document.removeEventListener('paste', paste);
      document.removeEventListener('dragover', over);
      document.removeEventListener('drop', drop);
    },
  };
}

function dropZone(take) {
  const chooser = el('input', { type: 'file', accept: 'image/*' });
  chooser.onchange = () => {
    const [file] = chooser.files;
    if (file) take(file, file.name);
    chooser.value = ''; // the same file may be chosen again
  };
  const zone = el(
    'label',
    { className: 'drop' },
    el('strong', {}, t('picture.choose')),
    el('span', { className: 'quiet' }, t('picture.drop')),
    chooser,
  );
  for (const event of ['dragover', 'dragleave', 'drop']) {
    zone.addEventListener(event, () => zone.classList.toggle('over', event === 'dragover'));
  }
  return zone;
}

function thumbs(pictures, folder, take) {
  const buttons = pictures.map((path, n) => {
    const url = new URL(path.split('/').map(encodeURIComponent).join('/'), folder);
    const label = sampleName(path) || t('picture.sample', { n: n + 1 });
    const load = async () => take(await (await fetch(url)).blob(), label);
    const picture = el('img', { src: url.href, alt: label, loading: 'lazy' });
    return el('button', { type: 'button', title: label, onclick: load }, picture);
  });
  return el('div', { className: 'thumbs' }, ...buttons);
}

function sampleName(path) {
  const name = path.split('/').pop().replace(/\.\w+$/, '');
  return name.replace(/^\d+_/, '').replaceAll('_', ' ');
}

/** A picture as it was decoded; on a canvas, which the content security policy allows. */
function show(canvas, { data, height, width }) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    image.data[to] = data[from];
    image.data[to + 1] = data[from + 1];
    image.data[to + 2] = data[from + 2];
    image.data[to + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  // A picture of 28 x 28 is shown larger, as the blocks that it is.
  canvas.style.width = Math.max(width, height) < 112 ? '7rem' : '';
  canvas.hidden = false;
}
