// LiteRT.js: .tflite files, behind the interface of tfjs.js.
import { SITE, load as loadModule } from '../paths.js';
import { fromFile, toFile } from './dtypes.js';
import { readTensors, withFixedAxes } from './tflite_file.js';
import { given, wire } from './tensor-map.js';

export const backends = ['wasm', 'webgpu'];

let starting = null;

/** Begin with what load() will need; see tfjs.js. */
export function prepare(backend, kernels, url, { ahead }) {
  ahead();
  return start(backend);
}

/** Load a .tflite file; see tfjs.js for the parameters. */
export async function load(url, backend, entry, { get }) {
  const [data, litert] = await Promise.all([get(url), start(backend)]);
  const file = readTensors(data);
  const compiled = await litert.loadAndCompile(withFixedAxes(data), { accelerator: backend });
  if (backend === 'webgpu' && !compiled.isFullyAccelerated) {
    compiled.delete();
    throw new Error('WebGPU does not take all operators of this file');
  }
  // The runtime's own order is the signature's, which need not be the graph's.
  const order = (details, tensors) =>
    details.map(({ name }, n) => tensors.find((tensor) => tensor.name === name) ?? tensors[n]);
  const ins = order(compiled.getInputDetails(), file.inputs);
  const outs = order(compiled.getOutputDetails(), file.outputs);
  const inputs = wire('inputs', entry.inputs, ins.map(({ name }) => name));
  const outputs = wire('outputs', entry.outputs, outs.map(({ name }) => name));
  let alive = 0;

  async function predict(values) {
    const made = [];
    const keep = (tensor) => {
      made.push(tensor);
      alive += 1;
      return tensor;
    };
    try {
      const feed = [];
      for (const [n, { name }] of entry.inputs.entries()) {
        const { data: numbers, shape } = given(values, name);
        feed[inputs[n]] = keep(new litert.Tensor(toFile(numbers, ins[inputs[n]]), shape));
      }
      const results = (await compiled.run(feed)).map(keep);
      const answer = {};
      for (const [n, { name }] of entry.outputs.entries()) {
        const tensor = results[outputs[n]];
        const numbers = fromFile(await tensor.data(), outs[outputs[n]]);
        answer[name] = { data: numbers, shape: [...tensor.type.layout.dimensions] };
      }
      return answer;
    } finally {
      for (const tensor of made) {
        if (!tensor.deleted) tensor.delete();
        alive -= 1;
      }
    }
  }

  return { backend, predict, dispose: () => compiled.delete(), tensors: () => alive };
}

/** The runtime, once a realm; with a WebGPU device only where it is asked for. */
function start(backend) {
  starting ??= (async () => {
    const vendor = new URL('vendor/litert/', SITE);
    const litert = await loadModule('vendor/litert.js');
    await litert.start(vendor.href);
    return litert;
  })();
  return starting.then((litert) => {
    if (backend === 'webgpu' && !litert.getWebGpuDevice()) {
      throw new Error('the webgpu backend does not start in this browser');
    }
    return litert;
  });
}
