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
