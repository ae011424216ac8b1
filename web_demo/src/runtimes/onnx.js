// ONNX Runtime Web: .onnx files, behind the interface of tfjs.js.
import { SITE, load as loadModule } from '../paths.js';
import { fromFile, toFile } from './dtypes.js';
import { given, wire } from './tensor-map.js';

export const backends = ['wasm'];

let starting = null;

/** Begin with what load() will need; see tfjs.js. */
export function prepare(backend, kernels, url, { ahead }) {
  ahead();
  return start();
}

/** Load an .onnx file; see tfjs.js for the parameters. */
export async function load(url, backend, entry, { get }) {
  const [data, ort] = await Promise.all([get(url), start()]);
  const session = await ort.InferenceSession.create(data, { executionProviders: [backend] });
  const inputs = wire('inputs', entry.inputs, session.inputNames);
  const outputs = wire('outputs', entry.outputs, session.outputNames);
  const types = session.inputMetadata.map(({ type }) => type);
  let alive = 0;

  async function predict(values) {
    const feed = {};
    for (const [n, { name }] of entry.inputs.entries()) {
      const { data: numbers, shape } = given(values, name);
      const at = inputs[n];
      const dtype = types[at];
      feed[session.inputNames[at]] = new ort.Tensor(dtype, toFile(numbers, { dtype }), shape);
    }
    const results = await session.run(feed);
    const made = [...Object.values(feed), ...Object.values(results)];
    alive += made.length;
    try {
      const answer = {};
      for (const [n, { name }] of entry.outputs.entries()) {
        const tensor = results[session.outputNames[outputs[n]]];
        const numbers = fromFile(tensor.data, { dtype: tensor.type });
        answer[name] = { data: numbers, shape: [...tensor.dims] };
      }
      return answer;
    } finally {
      made.forEach((tensor) => tensor.dispose());
      alive -= made.length;
    }
  }

  return { backend, predict, dispose: () => session.release(), tensors: () => alive };
}

function start() {
  starting ??= loadModule('vendor/ort.js').then((ort) => {
    // Threads need isolation headers, a proxy a worker from a blob: the policy forbids it.
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.logLevel = 'error';
    const wasm = new URL('vendor/ort/ort-wasm-simd-threaded.wasm', SITE).href;
    ort.env.wasm.wasmPaths = { wasm };
    return ort;
  });
  return starting;
}
