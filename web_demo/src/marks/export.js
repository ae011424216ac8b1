// Marked samples in the form that `--reference` and training read: pictures in a subfolder for each
// class, rows as a CSV with their true answers in its last column.
import { writeCsv } from '../csv.js';
import { load } from '../paths.js';

const SUFFIXES = { 'image/jpeg': 'jpg', 'image/webp': 'webp', 'image/gif': 'gif', 'image/bmp': 'bmp' };

/**
 * @param {Array<{truth: string, row: ?object, picture: ?Blob, what: string}>} marks
 * @param {?Array<{name: string}>} features of a table model
 * @returns {Promise<Blob>} a zip
 */
export async function zipOf(marks, features) {
  const { Zip, ZipPassThrough, strToU8 } = await load('vendor/zip.js');
  const parts = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk);
  });
  const add = (name, bytes) => {
    const file = new ZipPassThrough(name); // pictures are packed already, and a table is small
    zip.add(file);
    file.push(bytes, true);
  };
  const rows = marks.filter(({ row }) => row);
  if (rows.length) add('marked.csv', strToU8(csvOf(rows, features)));
  for (const [n, { truth, picture, what }] of marks.filter((mark) => mark.picture).entries()) {
    const suffix = SUFFIXES[picture.type] ?? 'png';
    const name = `${String(n + 1).padStart(4, '0')}_${safe(what.replace(/\.\w+$/, ''))}.${suffix}`;
    add(`${safe(truth)}/${name}`, new Uint8Array(await picture.arrayBuffer()));
  }
  zip.end();
  return new Blob(parts, { type: 'application/zip' });
}

function csvOf(marks, features) {
  const names = features.map(({ name }) => name);
  const label = names.includes('label') ? 'true_answer' : 'label';
  return writeCsv([...names, label], marks.map(({ row, truth }) => [...names.map((name) => row[name] ?? ''), truth]));
}

/** A name that every system can unpack. */
function safe(name) {
  const plain = name.replace(/[\\/:*?"<>|\0-\x1f]/g, '_').replace(/^[. ]+|[. ]+$/g, '').slice(0, 80);
  return plain || '_';
}

/** A decoded picture as a PNG file. */
export function pngOf({ data, height, width }) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { height, width });
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    image.data.set([data[from], data[from + 1], data[from + 2], 255], to);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}
