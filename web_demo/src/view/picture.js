// Inputs that are pictures: a file, a drop, a paste, a drawing, the camera, a video, a sample.
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { inside, placeOf } from '../paths.js';
import { camera } from './camera.js';
import { drawing } from './drawing.js';
import { chooser, dropZone } from './drop.js';

const LONGEST = 1024; // pixels of the preview, which is shown smaller

/**
 * The controls of a picture model.
 * @returns {{controls: Array, samples: Array, leave: Function}}
 */
export function pictureControls({ entry, manifest }, act) {
  const { color, size } = manifest.preprocessing.image;
  const preview = el('canvas', {
    id: 'preview',
    hidden: true,
    role: 'img',
    'aria-label': t('picture.shown'),
  });
  const film = camera(manifest, act);
  const controls = [];

  async function take(blob, what) {
    film.stop();
    try {
      if (/^video\//.test(blob.type)) {
        preview.hidden = true;
        await film.play(blob);
        return;
      }
      show(preview, await act.file(blob, what));
    } catch (error) {
      preview.hidden = true;
      act.trouble(error);
    }
  }

  /** One is answered where answers stand, several (a folder, a zip) in a table. */
  function takeAll(files, entries = null) {
    if (!entries && files.length < 2 && !files.some(({ name }) => /\.zip$/i.test(name))) {
      files.forEach((file) => take(file, file.name));
      return;
    }
    film.stop();
    act.several({ files, entries });
  }

  if (color === 'gray' && Math.max(...size) <= 64) controls.push(drawing(size, manifest, act));
  const words = { title: t('picture.choose'), hint: t('picture.drop') };
  const zone = dropZone({ ...words, accept: 'image/*,video/*,.zip', multiple: true }, takeAll);
  const many = { title: t('picture.folder'), hint: t('picture.folder.hint'), className: 'drop small', id: 'folder' };
  const folders = chooser({ ...many, webkitdirectory: true }, (files) => files.length && act.several({ files }));
  zone.element.prepend(preview); // which fills the box, as what was dropped there
  controls.push(zone.element, film.element, folders);

  const paste = ({ clipboardData }) => takeAll([...(clipboardData?.files ?? [])]);
  document.addEventListener('paste', paste);
  return {
    controls,
    samples: entry.pictures.length ? [thumbs(entry, take)] : [],
    leave() {
      film.stop();
      document.removeEventListener('paste', paste);
      zone.leave();
    },
  };
}

function thumbs(entry, take) {
  const buttons = entry.pictures.map((path, n) => {
    const url = placeOf(entry, path);
    const label = sampleName(path) || t('picture.sample', { n: n + 1 });
    const load = async () => take(await (await fetch(url)).blob(), label);
    const picture = el('img', { src: inside.address(url), alt: label, loading: 'lazy' });
    // The place of the true answer, which quality.js knows: nothing is to move when it comes.
    const below = entry.quality ? [el('span', { className: 'truth' })] : [];
    return el('button', { type: 'button', title: label, onclick: load, 'data-sample': n }, picture, ...below);
  });
  return el('div', { className: 'thumbs' }, ...buttons);
}

function sampleName(path) {
  const name = path.split('/').pop().replace(/\.\w+$/, '');
  return name.replace(/^\d+_/, '').replaceAll('_', ' ');
}

/** A picture as it was decoded; on a canvas, which the content security policy allows. */
export function show(canvas, picture) {
  const step = Math.ceil(Math.max(picture.width, picture.height) / LONGEST);
  const width = Math.ceil(picture.width / step);
  const height = Math.ceil(picture.height / step);
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  let to = 0;
  for (let y = 0; y < picture.height; y += step) {
    for (let x = 0; x < picture.width; x += step) {
      const from = 3 * (y * picture.width + x);
      image.data.set([picture.data[from], picture.data[from + 1], picture.data[from + 2], 255], to);
      to += 4;
    }
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  // A picture of 28 x 28 is shown as the blocks that it is.
  canvas.className = Math.max(width, height) < 112 ? 'small' : '';
  canvas.hidden = false;
}
