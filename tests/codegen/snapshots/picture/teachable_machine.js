// Teachable-machine, version 1: pictures (6 x 9 rgb) in, 2 classes out.
//
//   npm install @litertjs/core
//
// Serve Teachable-machine_float32.tflite beside this file, and node_modules/@litertjs/core/wasm/ as ./wasm/.
// Teachable-machine_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import { getGlobalLiteRtPromise, loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export const LABELS = ["cat", "dog \"$x\""];

/** Load the model once; ask it with predict(model, ...). */
export async function load(
  url = new URL("./Teachable-machine_float32.tflite", import.meta.url),
  wasm = new URL('./wasm/', import.meta.url),
) {
  await (getGlobalLiteRtPromise() ?? loadLiteRt(String(wasm))); // once a page
  return loadAndCompile(String(url), { accelerator: 'wasm' });
}

/**
 * Tensors in and out: takes picture float32 1 x 6 x 9 x 3;
 * gives probabilities float32 1 x 2, each as a flat array by its name.
 */
export async function run(model, picture) {
  const tensors = {
    "picture": new Tensor(Float32Array.from(picture), [1, 6, 9, 3]),
  };
  const outputs = await model.run(tensors);
  const values = {
    "probabilities": outputs["probabilities"].toTypedArray().slice(),
  };
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
  return values;
}

/** [label, share] pairs, the largest first, of a picture file (a Blob). */
export async function predict(model, file) {
  const values = (await run(model, preprocess(await decode(file))))["probabilities"];
  const shares = [...values];
  return LABELS.map((label, n) => [label, shares[n]]).sort((a, b) => b[1] - a[1]);
}

/** Pixels ({data, height, width}, three bytes a pixel) as the model takes them. */
export function preprocess(picture) {
  const { data } = resample(picture, 6, 9, fitBox(picture, 6, 9), ...FILTERS.lanczos);
  const values = new Float32Array(162);
  for (let from = 0, at = 0; from < data.length; from += 3) {
    values[at + 0] = f32(f32(data[from] * f32(0.00784313725490196)) + f32(-1.0));
    values[at + 1] = f32(f32(data[from + 1] * f32(0.00784313725490196)) + f32(-1.0));
    values[at + 2] = f32(f32(data[from + 2] * f32(0.00784313725490196)) + f32(-1.0));
    at += 3;
  }
  return values;
}

const f32 = Math.fround;

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

/** Bits behind the point of Pillow's 8-bit filter weights. */
const BITS = 22;

const FILTERS = {
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

/** The box of PIL.ImageOps.fit, in the 32-bit floats that Pillow's resize takes. */
function fitBox({ height, width }, wantedHeight, wantedWidth) {
  const ratio = width / height;
  const wanted = wantedWidth / wantedHeight;
  const boxWidth = ratio > wanted ? wanted * height : width;
  const boxHeight = ratio < wanted ? width / wanted : height;
  const left = (width - boxWidth) * 0.5;
  const top = (height - boxHeight) * 0.5;
  return [left, top, left + boxWidth, top + boxHeight].map(f32);
}

/** Pillow's filters, in 8-bit fixed point, along one axis and then along the other. */
function resample(picture, height, width, [left, top, right, bottom], support, filter) {
  const steps = [];
  if (width !== picture.width || left || right !== width) {
    const columns = coefficients(picture.width, left, right, width, support, filter);
    steps.push((pixels) => across(pixels, columns));
  }
  if (height !== picture.height || top || bottom !== height) {
    const rows = coefficients(picture.height, top, bottom, height, support, filter);
    steps.push((pixels) => down(pixels, rows));
  }
  // Which comes first changes the rounding; this is the choice of Pillow 13.
  const shrinks = picture.height - height;
  if (shrinks > 0 && 2 * (picture.width - width) < shrinks) steps.reverse();
  return steps.reduce((pixels, step) => step(pixels), picture);
}

function coefficients(size, start, end, wanted, support, filter) {
  const scale = f32(end - start) / wanted;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  return Array.from({ length: wanted }, (_, n) => {
    const center = start + (n + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const count = Math.min(size, Math.trunc(center + reach + 0.5)) - first;
    const weights = new Float64Array(count);
    let sum = 0;
    for (let x = 0; x < count; x += 1) {
      weights[x] = filter((x + first - center + 0.5) * (1 / stretch));
      sum += weights[x];
    }
    return {
      first,
      weights: weights.map((weight) => {
        const share = sum === 0 ? weight : weight / sum;
        return Math.trunc(share * 2 ** BITS + (share < 0 ? -0.5 : 0.5));
      }),
    };
  });
}

function clip8(sum) {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function across({ data, height, width: stride }, columns) {
  const width = columns.length;
  const out = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y += 1) {
    columns.forEach(({ first, weights }, x) => {
      for (let c = 0; c < 3; c += 1) {
        let sum = 2 ** (BITS - 1);
        let from = (y * stride + first) * 3 + c;
        for (let k = 0; k < weights.length; k += 1, from += 3) sum += data[from] * weights[k];
        out[(y * width + x) * 3 + c] = clip8(sum);
      }
    });
  }
  return { data: out, height, width };
}

function down({ data, width }, rows) {
  const out = new Uint8Array(rows.length * width * 3);
  rows.forEach(({ first, weights }, y) => {
    for (let x = 0; x < width * 3; x += 1) {
      let sum = 2 ** (BITS - 1);
      let from = first * width * 3 + x;
      for (let k = 0; k < weights.length; k += 1, from += width * 3) sum += data[from] * weights[k];
      out[y * width * 3 + x] = clip8(sum);
    }
  });
  return { data: out, height: rows.length, width };
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}
