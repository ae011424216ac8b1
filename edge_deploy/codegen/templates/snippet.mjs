//# head
// @headline@
//
//   @install@
//
// Serve @model@ beside this file, and node_modules/@litertjs/core/wasm/ as ./wasm/.
// @needs@
// Made by edge-deploy @version@.
import { getGlobalLiteRtPromise, loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
@constants@

//# load
/** Load the model once; ask it with predict(model, ...). */
export async function load(
  url = new URL(@model@, import.meta.url),
  wasm = new URL('./wasm/', import.meta.url),
) {
  await (getGlobalLiteRtPromise() ?? loadLiteRt(String(wasm))); // once a page
  return loadAndCompile(String(url), { accelerator: 'wasm' });
}

//# run
/**
 * Tensors in and out: takes @takes@;
 * gives @gives@, each as a flat array by its name.
 */
export async function run(model, @parameters@) {
  const tensors = {
@feeds@
  };
  const outputs = await model.run(tensors);
  const values = {
@reads@
  };
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
  return values;
}

//# test
// Golden answers of @name@, for `node --test`-like runners in a browser:
//   import { test } from './@file@'; await test();
import { load, run, @encoder@ } from './@module@';

const CASES = [
@cases@
];

/** Ask every case; throws where an answer is another. */
export async function test(...where) {
  const model = await load(...where);
  for (const { source, outputs } of CASES) {
    const answers = await run(model, @run@);
    for (const [name, expected] of Object.entries(outputs)) {
      const tolerance = 1e-4 * Math.max(1e-6, ...expected.map(Math.abs));
      expected.forEach((value, n) => {
        if (!(Math.abs(answers[name][n] - value) <= tolerance)) {
          throw new Error(`${name}[${n}] of ${source} is ${answers[name][n]}, not ${value}`);
        }
      });
    }
  }
  return CASES.length;
}
@helpers@

//# helper counts
function counts(row, name, count, width, missing) {
  const value = row[name] ?? missing;
  if (value === undefined) throw new Error(`${name} is missing`);
  const values = new Float32Array(width);
  count(String(value), values, 0);
  return values;
}

//# helper number
function number(row, name, missing) {
  const value = row[name] ?? missing;
  if (value === undefined) throw new Error(`${name} is missing`);
  return [Number(value)];
}

//# helper index
/** The place of a category. */
function index(row, name, names, { missing, unknown } = {}) {
  const value = row[name] ?? missing;
  const place = names.indexOf(value);
  if (place >= 0) return place;
  if (typeof value === 'number') return value; // what stands for a missing one
  if (unknown !== undefined) return unknown;
  throw new Error(`${name} is ${value}; it must be one of ${names.join(', ')}`);
}

//# helper ordinal
function ordinal(row, name, names, more) {
  return [index(row, name, names, more)];
}

//# helper one_hot
function oneHot(row, name, names, more) {
  const place = index(row, name, names, more);
  return names.map((_, n) => Number(n === place));
}

//# quantize
/** Real numbers as the integers that stand for them. */
function quantize(values, scale, zero) {
  const even = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
  return Uint8Array.from(values, (x) => {
    const place = even(Math.fround(x / Math.fround(scale))) + zero;
    return Math.min(255, Math.max(0, place));
  });
}

//# read
async function read(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: HTTP ${answer.status}`);
  return answer.@as@;
}
