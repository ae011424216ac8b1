// How many pixels a picture file has, by its first bytes: a few bytes can be packed to claim billions,
// for which a browser would take all memory.

const READ = 262_144; // bytes; what cameras write before a JPEG's size is less
const MOST = 178_956_970; // pixels; from there on Pillow refuses, with which a model is verified

/** A picture has more pixels than are read. */
export class TooLarge extends Error {
  constructor() {
    super('the picture has more pixels than are read (about 180 million)');
    this.name = 'TooLarge';
  }
}

/** Refuse a file whose first bytes say that it has too many pixels. */
export async function checkSize(blob) {
  const head = new DataView(await blob.slice(0, READ).arrayBuffer());
  let size = null;
  try {
    size = sizeOf(head);
  } catch {
    return; // it ends too early: whoever decodes it says so
  }
  if (size && size[0] * size[1] > MOST) throw new TooLarge();
}

/** Width and height; null where the format says it elsewhere. */
function sizeOf(head) {
  const text = (at, count) => Array.from({ length: count }, (_, n) => String.fromCharCode(head.getUint8(at + n))).join('');
  if (text(1, 3) === 'PNG') return [head.getUint32(16), head.getUint32(20)];
  if (text(0, 3) === 'GIF') return [head.getUint16(6, true), head.getUint16(8, true)];
  if (text(0, 2) === 'BM') return [Math.abs(head.getInt32(18, true)), Math.abs(head.getInt32(22, true))];
  if (head.getUint16(0) === 0xffd8) return jpegSize(head);
  if (text(8, 8) === 'WEBPVP8X') {
    const of = (at) => 1 + head.getUint16(at, true) + (head.getUint8(at + 2) << 16);
    return [of(24), of(27)];
  }
  return null; // a plain WebP has at most 16,383 a side; of others nothing is known
}

function jpegSize(head) {
  for (let at = 2; ; at += 2 + head.getUint16(at + 2)) {
    while (head.getUint8(at + 1) === 0xff) at += 1; // fill bytes
    const marker = head.getUint8(at + 1);
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return [head.getUint16(at + 7), head.getUint16(at + 5)];
    if (head.getUint8(at) !== 0xff || marker === 0xda) return null;
  }
}
