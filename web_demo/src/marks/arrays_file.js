// Marked samples of models that take neither a row nor one picture, as an .npz file: what the graph took,
// by the names of its inputs, and `labels`. Such a file is a zip of .npy files (NumPy's format 1.0).
import { load } from '../paths.js';

const KINDS = { Float32Array: '<f4', Float64Array: '<f8', Int32Array: '<i4', Uint8Array: '|u1' };

/**
 * @param {Array<{tensors: object, place: ?number, truth: string}>} marks `place` is that of the right class;
 *   of a value `truth` is its number
 * @param {{inputs: Array}} manifest
 * @returns {Promise<Blob>}
 */
export async function npzOf(marks, { inputs }) {
  const { Zip, ZipPassThrough } = await load('vendor/zip.js');
  const parts = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk);
  });
  const add = (name, values, shape, kind) => {
    const file = new ZipPassThrough(`${name}.npy`);
    zip.add(file);
    file.push(npy(values, shape, kind), true);
  };
  for (const { name, dtype } of inputs) {
    const given = marks.map(({ tensors }) => tensors[name]);
    const [{ data, shape }] = given;
    const stacked = new data.constructor(data.length * given.length);
    for (const [n, one] of given.entries()) stacked.set(one.data, n * data.length);
    add(name, stacked, [given.length, ...shape.slice(1)], dtype === 'bool' ? '|b1' : null);
  }
  const classes = marks.every(({ place }) => place !== null);
  const labels = marks.map(({ place, truth }) => (classes ? place : Number(truth.replace(',', '.'))));
  add('labels', classes ? Int32Array.from(labels) : Float64Array.from(labels), [labels.length]);
  zip.end();
  return new Blob(parts, { type: 'application/zip' });
}

function npy(values, shape, kind) {
  const axes = shape.length > 1 ? shape.join(', ') : `${shape[0]},`;
  const told = `{'descr': '${kind ?? KINDS[values.constructor.name]}', 'fortran_order': False, 'shape': (${axes}), }`;
  const start = 10; // the magic, the version and the length of what follows
  const header = `${told.padEnd(64 * Math.ceil((start + told.length + 1) / 64) - start - 1)}\n`;
  const bytes = new Uint8Array(start + header.length + values.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), start);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start + header.length);
  return bytes;
}
