// One model in a thread of its own: the page answers clicks while it compiles and computes.
//
// In: {id, call: 'open' | 'predict' | 'tensors' | 'trouble', ...}. Out: {id, value} or {id, error},
// and {progress} while files arrive. Before them may come {call: 'begin'}, which nobody waits for.
import { memoryOf } from './arrays.js';
import { hasCard } from './gpu.js';
import { beginHere, openHere } from './runtime-host.js';
import { backendOf } from './runtimes/table.js';

export { openHere }; // for a page without workers

let model = null;
let drawn = null; // a promise of whether a graphics card draws here

const card = () => (drawn ??= new Promise((resolve) => resolve(hasCard())));

/** Begin with a model before the page's code asks for it; what fails is told when it does. */
function begin({ target, url, backend, files, kernels }) {
  const chosen = async () => (backend === 'auto' ? backendOf(target, (await card().catch(() => false)) ? 'webgl' : 'wasm') : backend);
  beginHere({ target, url: new URL(url), backend: chosen(), files, kernels });
}

const CALLS = {
  async open({ target, url, backend, spec, options }) {
    const onProgress = (progress) => postMessage({ progress });
    model = await openHere(target, new URL(url), backend, spec, { ...options, onProgress });
    return { backend: model.backend };
  },
  predict: ({ inputs }) => model.predict(inputs),
  tensors: () => model.tensors(),
  trouble: () => model.trouble(),
  card,
};

globalThis.document ?? addEventListener('message', async ({ data: { id, call, ...rest } }) => {
  if (call === 'begin') return begin(rest);
  try {
    const value = await CALLS[call](rest);
    postMessage({ id, value }, call === 'predict' ? memoryOf(value) : []);
  } catch (error) {
    // The inputs go back, for another attempt.
    const told = { name: error.name, message: error.message ?? String(error) };
    postMessage({ id, error: told, inputs: rest.inputs }, memoryOf(rest.inputs));
  }
});
