// How a picture becomes a model's input, as the manifest says, bit by bit like
// edge_deploy/data/preprocessing/image.py.
import { resize } from './resize.js';

const f32 = Math.fround;
const CHANNELS = { rgb: [0, 1, 2], bgr: [2, 1, 0], gray: [0] };

/** A picture file's pixels: {data: Uint8Array (three a pixel), height, width}. */
export async function decode(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, {
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
    });
  } catch {
    throw new Error('this file is not a picture that the browser can read');
  }
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.fillStyle = '#fff'; // what is transparent stands on white
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return pixelsOf(canvas);
}

/** The pixels of an opaque canvas. */
export function pixelsOf(canvas) {
  const { width, height } = canvas;
  const { data: rgba } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { data, height, width };
}

/** The model's input, without its batch axis, as a Float32Array. */
export function preprocess({ image }, picture) {
  const { data, height, width } = resize(picture, image.size, image.resize, image.crop === 'center');
  const channels = CHANNELS[image.color];
  const scale = f32(image.scale);
  const offset = f32(image.offset);
  const mean = channels.map((_, c) => f32(image.mean?.[c] ?? 0));
  const std = channels.map((_, c) => f32(image.std?.[c] ?? 1));
  const gray = image.color === 'gray' && (data instanceof Uint8Array ? luma8 : lumaFloat);
  const out = new Float32Array(height * width * channels.length);
  let at = 0;
  for (let from = 0; from < data.length; from += 3) {
    for (let c = 0; c < channels.length; c += 1) {
      const x = gray ? gray(data, from) : data[from + channels[c]];
      out[at] = f32(f32(f32(f32(x * scale) + offset) - mean[c]) / std[c]);
      at += 1;
    }
  }
  return out;
}

/** As Pillow's convert("L"). */
function luma8(data, n) {
  return (data[n] * 19595 + data[n + 1] * 38470 + data[n + 2] * 7471 + 0x8000) >> 16;
}

/** As tf.image.rgb_to_grayscale, one product and one sum after the other. */
function lumaFloat(data, n) {
  const [red, green, blue] = [0.2989, 0.587, 0.114].map((w, c) => f32(data[n + c] * f32(w)));
  return f32(f32(red + green) + blue);
}
