// One model in a thread of its own: the page answers clicks while it compiles and computes.
//
// In: {id, call: 'open' | 'predict' | 'tensors' | 'trouble', ...}. Out: {id, value} or {id, error},
// and {progress} while files arrive.
import { memoryOf } from './arrays.js';
import { hasCard } from './gpu.js';
import { openHere } from './runtime-host.js';

export { openHere }; // for a page without workers

let model = null;

const CALLS = {
  async open({ target, url, backend, spec, options }) {
    const onProgress = (progress) => postMessage({ progress });
    model = await openHere(target, new URL(url), backend, spec, { ...options, onProgress });
    return { backend: model.backend };
  },
  predict: ({ inputs }) => model.predict(inputs),
  tensors: () => model.tensors(),
  trouble: () => model.trouble(),
  card: hasCard,
};

globalThis.document ?? addEventListener('message', async ({ data: { id, call, ...rest } }) => {
  try {
    const value = await CALLS[call](rest);
    postMessage({ id, value }, call === 'predict' ? memoryOf(value) : []);
  } catch (error) {
    // The inputs go back, for another attempt.
    const told = { name: error.name, message: error.message ?? String(error) };
    postMessage({ id, error: told, inputs: rest.inputs }, memoryOf(rest.inputs));
  }
});
