// Opens a file in the thread that runs this code: in worker.js, or in the page without workers.
import { fetcher } from './fetching.js';

const RUNTIMES = {
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

/** See open() in model.js. */
export async function openHere(target, url, backend, spec, { onProgress, files, kernels } = {}) {
  const { trouble, ...fetching } = fetcher(files, onProgress);
  const runtime = await RUNTIMES[target]();
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
