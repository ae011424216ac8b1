// One model in a thread of its own: the page answers clicks while it compiles and computes.
//
// In: {id, call: 'open' | 'predict' | 'tensors' | 'trouble', ...}. Out: {id, value} or {id, error},
// and {progress} while files arrive.
import { openHere } from './realm.js';

let model = null;

const CALLS = {
  /** Start TF.js before the model is known. */
  async warm({ backend, kernels }) {
    const { start } = await import('./runtimes/tfjs.js');
    await start(backend, kernels);
  },
  async open({ target, url, backend, spec, options }) {
    const onProgress = (progress) => postMessage({ progress });
    model = await openHere(target, new URL(url), backend, spec, { ...options, onProgress });
    return { backend: model.backend };
  },
  predict: ({ inputs }) => model.predict(inputs),
  tensors: () => model.tensors(),
  trouble: () => model.trouble(),
};

addEventListener('message', async ({ data: { id, call, ...rest } }) => {
  try {
    const value = await CALLS[call](rest);
    const buffers = call === 'predict' ? Object.values(value).map(({ data }) => data.buffer) : [];
    postMessage({ id, value }, [...new Set(buffers)]);
  } catch (error) {
    postMessage({ id, error: { name: error.name, message: error.message ?? String(error) } });
  }
});
