// Opens a file in the thread that runs this code: in worker.js, or in the page without workers.
import { fetcher } from './fetching.js';

const MODULES = {
  tfjs: () => import('./runtimes/tfjs.js'),
  tflite: () => import('./runtimes/litert.js'),
  onnx: () => import('./runtimes/onnx.js'),
};

/** The GPU took WebGL away: the model has to be opened again. */
export class ContextLost extends Error {
  constructor() {
    super('the graphics context was lost');
    this.name = 'ContextLost';
  }
}

let begun = null; // {url, backend, fetching, started} of a model that nobody has asked for yet

/**
 * Fetch a model and start its runtime before the page's code is there to ask for it; the next
 * openHere() takes what came of it, and tells what did not.
 * @param {{target: string, url: URL, backend: Promise<string>, files: Array, kernels: ?object}} model
 */
export function beginHere({ target, url, backend, files, kernels }) {
  const fetching = fetcher(files);
  const started = Promise.all([MODULES[target](), backend]).then(([runtime, chosen]) =>
    runtime.prepare(chosen, kernels, url, fetching),
  );
  begun = { url, backend, fetching, started: started.catch(() => {}) };
}

/** What was begun of a file; two starts of a runtime at a time would undo each other. */
async function taken(url, backend, files) {
  const before = begun;
  begun = null;
  const same = before?.url.href === url.href;
  if (before && !(same && (await before.backend) === backend)) await before.started;
  return same ? before.fetching : fetcher(files);
}

/** See open() in model.js. */
export async function openHere(target, url, backend, spec, { onProgress, files, kernels } = {}) {
  const { trouble, listen, ...fetching } = await taken(url, backend, files);
  if (onProgress) listen(onProgress);
  const runtime = await MODULES[target]();
  if (!runtime.backends.includes(backend)) {
    throw new Error(`${target} files have no backend "${backend}" in the browser`);
  }
  const model = await runtime.load(url, backend, spec, { ...fetching, kernels });
  return {
    backend: model.backend,
    trouble,
    async predict(inputs) {
      if (model.lost?.()) throw new ContextLost();
      try {
        return await model.predict(inputs);
      } finally {
        // Lost while it computed: what came of it, an answer or an error, means nothing.
        if (model.lost?.()) throw new ContextLost();
      }
    },
    tensors: () => model.tensors(),
    dispose: () => model.dispose(),
  };
}
