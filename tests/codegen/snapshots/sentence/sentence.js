// sentence, version 1: rows of 1 column in, 2 classes out.
//
//   npm install @litertjs/core
//
// Serve sentence_float32.tflite beside this file, and node_modules/@litertjs/core/wasm/ as ./wasm/.
// sentence_float32.tflite needs TensorFlow Lite or LiteRT 2.17.0 or newer.
// Made by edge-deploy 0.1.0.
import { getGlobalLiteRtPromise, loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export const LABELS = ["cat", "dog"];

/** Load the model once; ask it with predict(model, ...). */
export async function load(
  url = new URL("./sentence_float32.tflite", import.meta.url),
  wasm = new URL('./wasm/', import.meta.url),
) {
  await (getGlobalLiteRtPromise() ?? loadLiteRt(String(wasm))); // once a page
  return loadAndCompile(String(url), { accelerator: 'wasm' });
}

/**
 * Tensors in and out: takes ids int32 1 x 6;
 * gives dog float32 1 x 1, each as a flat array by its name.
 */
export async function run(model, ids) {
  const tensors = {
    "ids": new Tensor(Int32Array.from(ids), [1, 6]),
  };
  const outputs = await model.run(tensors);
  const values = {
    "dog": outputs["dog"].toTypedArray().slice(),
  };
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
  return values;
}

/** [label, share] pairs, the larger first. */
export async function predict(model, row) {
  const values = (await run(model, encode(row)))["dog"];
  const shares = [1 - values[0], values[0]];
  return LABELS.map((label, n) => [label, shares[n]]).sort((a, b) => b[1] - a[1]);
}

// For example: predict(model, { "review": "a \"good\" film" })
/** A row, an object by the columns' names, as the model takes it. */
export function encode(row) {
  return Float32Array.from([
    ...counts(row, "review", tokens_review, 6, ""),
  ]);
}

function counts(row, name, count, width, missing) {
  const value = row[name] ?? missing;
  if (value === undefined) throw new Error(`${name} is missing`);
  const values = new Float32Array(width);
  count(String(value), values, 0);
  return values;
}

const BLANKS = /[\t-\r ]+/; // ASCII's, as tf.strings.split has them

/**
 * The function that writes the numbers of a text into `input` from place `at` on.
 * @param {Object} tokens the manifest's: how a text is cut, and the id of each piece
 */
export function tokenizer(tokens) {
  const { vocabulary, first, length, output, pad_value: pad } = tokens;
  const places = new Map();
  for (const [n, word] of vocabulary.entries()) if (word) places.set(word, first + n);
  const unknown = tokens.unknown ?? undefined;
  return (document, input, at) => {
    const ids = pieces(document, tokens).map((piece) => places.get(piece) ?? unknown);
    const known = ids.filter((id) => id !== undefined);
    if (output === 'ids') {
      const kept = tokens.truncating === 'pre' ? known.slice(-length) : known.slice(0, length);
      const start = tokens.padding === 'pre' ? length - kept.length : 0;
      for (let n = 0; n < length; n += 1) input[at + n] = kept[n - start] ?? pad;
    } else {
      for (const id of known) input[at + id] = output === 'binary' ? 1 : input[at + id] + 1;
    }
  };
}

/** What a text is cut into. */
function pieces(document, { lowercase, filters, filtered, split, separator, ngrams }) {
  let text = document;
  if (lowercase === 'unicode') text = text.toLowerCase();
  if (lowercase === 'ascii') text = text.replace(/[A-Z]/g, (capital) => capital.toLowerCase());
  if (filters) {
    const out = new Set(filters);
    const instead = filtered === 'separator' ? separator : '';
    text = Array.from(text, (character) => (out.has(character) ? instead : character)).join('');
  }
  let parts = [text];
  if (split === 'separator') parts = text.split(separator);
  if (split === 'whitespace') parts = text.split(BLANKS);
  if (split === 'characters') parts = [...text];
  parts = parts.filter(Boolean);
  return ngrams.flatMap((width) =>
    parts.slice(width - 1).map((_, n) => parts.slice(n, n + width).join(' ')),
  );
}

const tokens_review = tokenizer({
  vocabulary: [
    "<OOV>", "good", "x\"$1", "", "i̇yi", "σας",
  ],
  length: 6,
  first: 1,
  unknown: 1,
  output: "ids",
  padding: "pre",
  truncating: "pre",
  pad_value: 0.0,
  lowercase: "unicode",
  filters: "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n",
  filtered: "separator",
  split: "separator",
  separator: " ",
  ngrams: [1],
});
