// "automatic" by measuring: after the first answer the other ways that this device has are tried,
// and the fastest that answers as the original did is kept, also for the next visit.
import { selfCheck } from './check.js';
import { isFixed } from './inference.js';
import { bestBackend, open, RUNTIMES } from './model.js';
import { addressOf, filesOf, inside } from './paths.js';

// Milliseconds of an answer from which on another way is worth its download.
const WORTH = 8;
const WORTH_A_RUNTIME = 60; // of some megabytes
const BUDGET = 150; // milliseconds of measuring, of each way in turn
const NEAR = 5; // milliseconds of an answer that holds up no click in the page's own thread
const LIGHT = 8e6; // bytes of a model that is there twice for a moment
// What takes longer with one input than with another.
const UNSTEADY = /While|^If$|StatelessIf|TensorList|Where|NonMaxSuppression|Unique/;
const GAIN = 0.8; // of the time: less than that is no reason to change

/**
 * Measure the other ways, one after another, and give the fastest that is right.
 * @param {object} entry of the site's index
 * @param {{file: object, backend: string, each: number, failed: string[]}} now what answers, its
 *   milliseconds, and the backends that were found wrong
 * @param {object} model what answers, for measuring both in turn
 * @param {{manifest, reference, signal}} place
 * @returns {Promise<?{file, backend, model}>} null where what answers stays
 */
export async function fastest(entry, now, model, { manifest, reference, signal }) {
  if (inside.there || navigator.connection?.saveData || now.each < WORTH) return null;
  let best = { file: now.file, backend: now.backend, model, time: null };
  for (const way of await others(entry, now)) {
    if (signal.aborted) break;
    let tried = null;
    try {
      const options = { files: filesOf(entry, way.file), signal };
      tried = await open(way.file.target, addressOf(entry, way.file), way.backend, entry.spec, options);
      const ask = (one) => one.predict(reference.samples[0].inputs, { signal });
      await ask(tried); // compiles
      const { pass } = await selfCheck(tried, reference, manifest.outputs, way.file);
      const times = pass ? await inTurn([() => ask(best.model), () => ask(tried)], signal) : null;
      if (times && times[1] < GAIN * times[0]) {
        if (best.model !== model) best.model.dispose();
        best = { ...way, model: tried };
        tried = null;
      }
    } catch {
      // It does not run here.
    } finally {
      tried?.dispose();
    }
  }
  if (!signal.aborted) return best.model === model ? null : best;
  if (best.model !== model) best.model.dispose();
  return null;
}

/**
 * The same way in the page's own thread, where answers take less than a click can feel, and all the
 * same time: no message goes to another thread and back.
 * @returns {Promise<?object>} the model, checked; null where it is to stay where it is
 */
export async function nearer(entry, { file, backend, each }, { model: far, manifest, reference, signal }) {
  // The other runtimes are megabytes; and what was measured first may have met something else at work.
  if (inside.there || file.target !== 'tfjs' || backend !== 'wasm') return null;
  if (each >= 4 * NEAR || file.bytes > LIGHT) return null;
  const { ops } = manifest.artifacts.find(({ files }) => files.some(({ path }) => path === file.file)) ?? {};
  if (!isFixed(manifest) || !ops || ops.some((op) => UNSTEADY.test(op))) return null;
  const [usual] = await inTurn([() => far.predict(reference.samples[0].inputs, { signal })], signal);
  if (usual >= NEAR) return null;
  const options = { files: filesOf(entry, file), signal, near: true };
  const model = await open(file.target, addressOf(entry, file), backend, entry.spec, options);
  try {
    await model.predict(reference.samples[0].inputs, { signal }); // compiles
    if ((await selfCheck(model, reference, manifest.outputs, file)).pass) return model;
  } catch {
    // It does not run here.
  }
  model.dispose();
  return null;
}

/** The ways that this device has, but for the one in use and those that were wrong. */
async function others(entry, { file, backend, each, failed }) {
  const gpu = await hardware();
  const card = (await bestBackend()) === 'webgl';
  const can = (name) => name === 'wasm' || (name === 'webgl' && card) || (name === 'webgpu' && gpu);
  const of = (one, names) => names.filter(can).map((name) => ({ file: one, backend: name }));
  const own = of(file, RUNTIMES[file.target].backends).filter((way) => way.backend !== backend && !failed.includes(way.backend));
  if (each < WORTH_A_RUNTIME || !gpu) return own;
  const rest = entry.files.filter((one) => one.strict && one.target !== file.target);
  return [...own, ...rest.flatMap((one) => of(one, RUNTIMES[one.target].backends))];
}

/** Whether there is a WebGPU that is no processor in disguise. */
async function hardware() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter));
}

/** The median milliseconds of each, asked in turn, so that what else goes on meets all. */
async function inTurn(asked, signal) {
  const times = asked.map(() => []);
  const started = performance.now();
  while (times[0].length < 3 || (times[0].length < 15 && performance.now() - started < asked.length * BUDGET)) {
    for (const [n, ask] of asked.entries()) {
      signal.throwIfAborted();
      const begun = performance.now();
      await ask();
      times[n].push(performance.now() - begun);
    }
  }
  return times.map((own) => own.sort((a, b) => a - b)[own.length >> 1]);
}
