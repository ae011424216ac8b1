// classifier, version 1: rows of 7 columns in, 2 classes out.
//
//   npm install @litertjs/core
//
// Serve classifier_float32.tflite beside this file, and node_modules/@litertjs/core/wasm/ as ./wasm/.
// classifier_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import { getGlobalLiteRtPromise, loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export const LABELS = ["cat", "dog \"$x\""];

/** Load the model once; ask it with predict(model, ...). */
export async function load(
  url = new URL("./classifier_float32.tflite", import.meta.url),
  wasm = new URL('./wasm/', import.meta.url),
) {
  await (getGlobalLiteRtPromise() ?? loadLiteRt(String(wasm))); // once a page
  return loadAndCompile(String(url), { accelerator: 'wasm' });
}

/**
 * Tensors in and out: takes features float32 1 x 10;
 * gives class int32 1, probabilities float32 1 x 2, each as a flat array by its name.
 */
export async function run(model, features) {
  const tensors = {
    "features": new Tensor(Float32Array.from(features), [1, 10]),
  };
  const outputs = await model.run(tensors);
  const values = {
    "class": outputs["class"].toTypedArray().slice(),
    "probabilities": outputs["probabilities"].toTypedArray().slice(),
  };
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
  return values;
}

/** [label, share] pairs, the largest first. */
export async function predict(model, row) {
  const values = (await run(model, encode(row)))["probabilities"];
  const shares = [...values];
  return LABELS.map((label, n) => [label, shares[n]]).sort((a, b) => b[1] - a[1]);
}

// For example: predict(model, { "age": 40.0, "weight": 81.25, "height": 1.8, "sex": "m", "job": "b", "size": "M", "town": "y \"2\"" })
/** A row, an object by the columns' names, as the model takes it. */
export function encode(row) {
  return Float32Array.from([
    ...number(row, "age"), // years, 18 to 64
    ...number(row, "weight", 70.5), // may be missing
    ...number(row, "height", NaN), // may be missing
    ...oneHot(row, "sex", ["f", "m"]),
    ...oneHot(row, "job", ["a", "b"], { unknown: -1 }),
    ...ordinal(row, "size", ["S", "M"], { missing: 2, unknown: 1 }), // may be missing
    ...oneHot(row, "town", ["x $1", "y \"2\""], { missing: "x $1" }), // may be missing
  ]);
}

function number(row, name, missing) {
  const value = row[name] ?? missing;
  if (value === undefined) throw new Error(`${name} is missing`);
  return [Number(value)];
}

/** The place of a category; blanks around it do not count, nor does its case where one fits. */
function index(row, name, names, { missing, unknown } = {}) {
  const value = row[name] ?? missing;
  if (typeof value === 'number') return value; // what stands for a missing one
  const text = String(value).trim();
  const plain = names.map((known) => known.trim());
  const places = [names.indexOf(value), names.indexOf(text), plain.indexOf(text)];
  const place = places.find((n) => n >= 0) ?? unknown;
  if (place !== undefined) return place;
  const alike = plain.filter((known) => known.toLowerCase() === text.toLowerCase());
  if (alike.length === 1) return plain.indexOf(alike[0]);
  throw new Error(`${name} is ${value}; it must be one of ${names.join(', ')}`);
}

function ordinal(row, name, names, more) {
  return [index(row, name, names, more)];
}

function oneHot(row, name, names, more) {
  const place = index(row, name, names, more);
  return names.map((_, n) => Number(n === place));
}
