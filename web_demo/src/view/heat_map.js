// A picture as a model takes it, under colours that say what its answer depends on.
import { el } from '../dom.js';
import { t } from '../i18n.js';

const SIDE = 448; // pixels of the longer side
const STRONGEST = 0.75; // of a colour over the picture
const FOR = [226, 88, 0];
const AGAINST = [0, 108, 220];

/**
 * @param {object} image the manifest's: color, scale, offset, mean, std
 * @param {Float32Array} values the model's input
 * @param {{height: number, width: number, channels: number}} size
 * @returns {{element: Element, show: Function}} show(grid, changes) colours it
 */
export function heatMap(image, values, size) {
  const { height, width } = size;
  const zoom = SIDE / Math.max(height, width);
  const [wide, tall] = [Math.round(width * zoom), Math.round(height * zoom)];
  const canvas = el('canvas', { width: wide, height: tall, role: 'img', 'aria-label': t('why.map') });
  const context = canvas.getContext('2d');
  const under = small(width, height, pixels(image, values, size));

  function draw(colours) {
    context.imageSmoothingEnabled = zoom < 2;
    context.drawImage(under, 0, 0, wide, tall);
    if (!colours) return;
    context.imageSmoothingEnabled = true;
    context.drawImage(colours, 0, 0, wide, tall);
  }

  draw(null);
  return {
    element: canvas,
    show([rows, columns], changes) {
      const most = Math.max(...Array.from(changes, Math.abs)) || 1;
      const data = new Uint8ClampedArray(4 * rows * columns);
      for (const [n, change] of changes.entries()) {
        const colour = change > 0 ? FOR : AGAINST;
        data.set([...colour, 255 * STRONGEST * (Math.abs(change) / most)], 4 * n);
      }
      draw(small(columns, rows, data));
    },
  };
}

/** Where a cell lies, of nine places. */
export function placeWords([rows, columns], n) {
  const third = (at, of) => Math.min(2, Math.floor((3 * (at + 0.5)) / of));
  return `${third(Math.floor(n / columns), rows)}${third(n % columns, columns)}`;
}

function small(width, height, data) {
  const canvas = el('canvas', { width, height });
  canvas.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}

/** The picture that a model's numbers are of. */
function pixels({ color, scale, offset, mean, std }, values, { height, width, channels }) {
  const data = new Uint8ClampedArray(4 * height * width);
  const order = { rgb: [0, 1, 2], bgr: [2, 1, 0], gray: [0, 0, 0] }[color];
  for (let n = 0; n < height * width; n += 1) {
    for (let c = 0; c < 3; c += 1) {
      const from = order[c];
      const value = values[n * channels + from] * (std?.[from] ?? 1) + (mean?.[from] ?? 0);
      data[4 * n + c] = (value - offset) / scale;
    }
    data[4 * n + 3] = 255;
  }
  return data;
}
