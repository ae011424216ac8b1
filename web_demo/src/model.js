// A model in this browser: load it, ask it. The one door to the three runtimes.
//
// The page and `edge-deploy verify` (through harness.js) both come through here.
import { hasCard } from './gpu.js';
import { kernelsOf } from './paths.js';
import { RUNTIMES } from './runtimes/table.js';
import { aborted, newThread } from './thread.js';

export { RUNTIMES };

let siteKernels = null;
let card = null; // a promise, once asked
let spare = null; // a thread that has no model yet

/**
 * Say which modules hold the kernels of TF.js that the site's models need.
 * @param {object} [paths] of models/index.json: from the site's root, by part
 */
export function useKernels(paths = {}) {
  siteKernels = kernelsOf(paths);
}

/**
 * Open a converted file. Each open model has a thread of its own, so that several can be open at
 * once, on different runtimes and backends; dispose() ends it and frees all it held.
 *
 * @param {string} target a key of RUNTIMES
 * @param {URL} url of the file that the runtime opens
 * @param {string} backend one of the runtime's
 * @param {{inputs: Array, outputs: Array}} spec the tensors, as in the manifest
 * @param {object} [options]
 * @param {(state: {loaded: number, total: number, cached: boolean}) => void} [options.onProgress]
 *   is told of the file's bytes as they arrive
 * @param {AbortSignal} [options.signal] ends the loading, and later the model, at once
 * @param {Array<{url: string, bytes: number, sha256: string}>} [options.files] all files of the
 *   model: they are then kept in the browser by their content
 * @param {boolean} [options.near] open it in the page's own thread, for answers of a few milliseconds
 * @returns {Promise<{target, runtime, backend, predict, dispose, tensors, trouble}>}
 *   predict({name: {data, shape}}, {signal}?) answers the same for the outputs, and takes the
 *   inputs' memory, since a copy would cost more than the answer of a small model; trouble() is
 *   null, or 'storage-full' where the files could not be kept
 */
export async function open(target, url, backend, spec, options = {}) {
  const { signal, onProgress, files, near = false } = options;
  const kernels = siteKernels;
  const ask = { target, url: new URL(url).href, backend, spec };
  let thread = await begin(ask, { files, kernels, near }, onProgress, signal);
  let ended = false;

  /** A fresh thread in place of one that cannot go on. */
  async function again(changes) {
    thread.end();
    thread = await begin(ask, { files, ...changes }, () => {}, signal);
  }

  async function predict(given, { signal: stop } = {}) {
    let inputs = given;
    for (let attempt = 0; ; attempt += 1) {
      if (ended) throw aborted();
      try {
        return await thread.call({ call: 'predict', inputs }, stop);
      } catch (error) {
        const lost = error.name === 'ContextLost';
        // The site holds fewer kernels than this model turned out to need: take them all.
        const lacking = kernels && /[Kk]ernel .*not registered|is not a function/.test(error.message);
        if (attempt || ended || !(lost || lacking)) throw error;
        inputs = error.inputs ?? inputs;
        await again(lost ? { kernels } : {});
      }
    }
  }

  return {
    target,
    runtime: RUNTIMES[target].runtime,
    backend: thread.opened.backend,
    predict,
    tensors: () => thread.call({ call: 'tensors' }),
    trouble: () => thread.call({ call: 'trouble' }),
    dispose() {
      ended = true;
      thread.end();
    },
  };
}

async function begin(ask, { near = false, ...options }, onProgress = () => {}, signal = undefined) {
  signal?.throwIfAborted();
  const thread = (!near && spare) || newThread(near);
  if (!near) spare = null;
  thread.progress = onProgress;
  const stop = () => thread.end();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    thread.opened = await thread.call({ call: 'open', ...ask, options });
  } catch (error) {
    thread.end();
    throw signal?.aborted ? aborted() : error;
  }
  return thread;
}

/** The backend for a visitor who did not choose: WebGL where a GPU draws, else WebAssembly. */
export async function bestBackend() {
  card ??= askCard();
  return (await card) ? 'webgl' : 'wasm';
}

async function askCard() {
  spare = newThread(); // the next model's
  try {
    return await spare.call({ call: 'card' });
  } catch {
    return hasCard(); // a worker without a canvas
  }
}

/** Values in the typed array that a tensor of that dtype is made of. */
export function typed(values, dtype) {
  if (dtype === 'bool') return Uint8Array.from(values);
  if (/int/.test(dtype)) return Int32Array.from(values, Number);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

