// TF.js graph models, behind the interface that every runtime has:
//   prepare(backend, kernels, url, {ahead}), which may come before
//   load(url, backend, entry, {get, ahead, first, kernels}) -> {backend, predict(inputs) -> outputs,
//     dispose, tensors, lost}
// where tensors on both sides are {data: TypedArray, shape: [...]}, by the model's own names.
import { nameOf } from '../fetching.js';
import { SITE, at, load as loadModule } from '../paths.js';
import { bytesOf, rehearse } from './warmup.js';
import { given, wire } from './tensor-map.js';

export const backends = ['webgl', 'wasm', 'webgpu', 'cpu'];

const WASM = 'vendor/tfjs-backend-wasm-simd.wasm';
// The smallest module with an instruction of SIMD, without which TF.js takes another file.
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

let wasmReady = false;
let latest = null; // {key, started} of the backend in use

/** Begin with what load() will need: the code, and the files in the order that load() wants. */
export function prepare(backend, kernels, url, { ahead }) {
  const started = start(backend, kernels);
  if (backend !== 'webgl') ahead();
  else ahead(url);
  return started.then(() => ahead());
}

/**
 * Load a graph model.
 * @param {URL} url of model.json
 * @param {string} backend one of `backends`
 * @param {{inputs: Array, outputs: Array}} entry the tensors that are wanted, as in the manifest
 * @param {{get, ahead, first, kernels?: object}} how a fetcher's functions; `kernels` are the
 *   addresses of modules that hold only some kernels, by backend
 */
export async function load(url, backend, entry, { get, ahead, first, kernels = null }) {
  // WebGL compiles while the weights come, if its code comes before them.
  if (backend !== 'webgl') ahead();
  const [{ artifacts, shards, beginning }, tf] = await Promise.all([
    fetchModel(url, get, first),
    start(backend, kernels),
  ]);
  const lost = watch(tf, backend);
  const wires = (model) => ({
    inputs: nodesOf('inputs', entry.inputs, artifacts.signature?.inputs, model.inputs),
    outputs: nodesOf('outputs', entry.outputs, artifacts.signature?.outputs, model.outputs),
  });
  const { findLoops, runWithLoops } = await loopsOf(artifacts.modelTopology);
  const loops = findLoops(artifacts.modelTopology);
  if (backend === 'webgl' && !loops) await rehearse(tf, artifacts, wires, beginning);
  const model = await modelOf(tf, artifacts, await shards);
  const { inputs, outputs } = wires(model);
  const nodes = outputs.map(({ node }) => node);
  let sequential = false;

  async function run(feed) {
    if (loops) return runWithLoops(tf, model, loops, feed, nodes);
    if (!sequential) {
      try {
        return model.execute(feed, nodes);
      } catch (error) {
        // Loops and conditions; TF.js finds them before it computes anything.
        if (!/executeAsync/.test(error.message)) throw error;
        sequential = true;
      }
    }
    return model.executeAsync(feed, nodes);
  }

  async function predict(values) {
    const feed = {};
    const made = new Set();
    try {
      for (const { name, node, dtype } of inputs) {
        const { data, shape } = given(values, name);
        feed[node] = tf.tensor(data, shape, dtype);
        made.add(feed[node]);
      }
      const results = [await run(feed)].flat();
      results.forEach((tensor) => made.add(tensor));
      const answer = {};
      for (const [n, { name }] of outputs.entries()) {
        answer[name] = { data: await results[n].data(), shape: results[n].shape };
      }
      return answer;
    } finally {
      made.forEach((tensor) => tensor.dispose());
    }
  }

  return {
    backend: tf.getBackend(),
    predict,
    dispose: () => model.dispose(),
    tensors: () => tf.memory().numTensors,
    lost,
  };
}

/** A model whose weights are where the backend has them, and nowhere else. */
async function modelOf(tf, artifacts, weightData) {
  const model = new tf.GraphModel({ load: () => ({ ...artifacts, weightData }) });
  await model.load();
  model.artifacts.weightData = null; // kept to save the model again
  model.handler = null; // keeps them too
  return model;
}

/** Whether the GPU took WebGL away: from then on every answer would be zeros. */
function watch(tf, backend) {
  if (backend !== 'webgl') return () => false;
  const { gl } = tf.engine().backendInstance.gpgpu;
  return () => gl.isContextLost();
}

/** What runs loops, where a graph has some: few have. */
async function loopsOf({ node }) {
  const some = node.some(({ op }) => /^(Stateless)?While$/.test(op));
  return some ? import('./loops.js') : { findLoops: () => null };
}

/** Start a backend, once where it is asked for twice: two starts at a time undo each other. */
function start(backend, kernels) {
  const key = `${backend} ${kernels?.[backend]}`;
  if (latest?.key !== key) {
    const started = begin(backend, kernels);
    latest = { key, started };
    started.catch(() => {
      if (latest?.started === started) latest = null;
    });
  }
  return latest.started;
}

/** Start a backend, and make sure that it is the one in use. */
async function begin(backend, kernels) {
  if (!backends.includes(backend)) throw new Error(`TF.js has no backend "${backend}"`);
  const some = kernels?.[backend];
  if (backend === 'wasm' && !globalThis.document) fetchAhead(new URL(WASM, SITE).href);
  const [tf, module] = await Promise.all([
    loadModule(some ? kernels.core : 'vendor/tfjs.js'),
    loadModule(some ?? `vendor/tfjs-${backend}.js`),
  ]);
  if (backend === 'wasm' && !wasmReady) {
    // Threads would need a worker from a blob, which the content security policy forbids.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    module.setWasmPaths(new URL('vendor/', SITE).href);
    wasmReady = true;
  }
  const started = await tf.setBackend(backend).catch(() => false);
  await tf.ready();
  if (!started || tf.getBackend() !== backend) {
    throw new Error(`the ${backend} backend does not start in this browser`);
  }
  return tf;
}

/** Ask for TF.js' wasm file beside its code, and not after it; in a worker, whose fetch is its own. */
function fetchAhead(wasm) {
  if (wasmReady || !WebAssembly.validate(SIMD)) return;
  const own = globalThis.fetch;
  const coming = own(wasm, { credentials: 'same-origin' });
  coming.catch(() => {}); // TF.js asks again
  globalThis.fetch = (asked, ...how) => {
    if (asked !== wasm) return own(asked, ...how);
    globalThis.fetch = own;
    return coming;
  };
}

/** model.json, a promise of its weights, every byte accounted for, and one of their first bytes. */
async function fetchModel(url, get, first) {
  const text = new TextDecoder().decode(await get(url));
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error(`${nameOf(url)} is not JSON, it starts with ${JSON.stringify(text.slice(0, 40))}`);
  }
  if (document.format === 'layers-model' || document.modelTopology?.model_config) {
    throw new Error(`${nameOf(url)} is a TF.js layers-model; this page runs graph models`);
  }
  if (!document.modelTopology?.node) throw new Error(`${nameOf(url)} is not a TF.js graph model`);
  const groups = document.weightsManifest ?? [];
  const shards = Promise.all(groups.map((group) => fetchGroup(group, url, get))).then((all) =>
    all.flat(),
  );
  shards.catch(() => {}); // told when it is waited for
  const artifacts = {
    modelTopology: document.modelTopology,
    format: document.format,
    generatedBy: document.generatedBy,
    convertedBy: document.convertedBy,
    signature: document.signature,
    userDefinedMetadata: document.userDefinedMetadata,
    modelInitializer: document.modelInitializer,
    initializerSignature: document.initializerSignature,
    weightSpecs: groups.flatMap((group) => group.weights),
  };
  const [path] = groups.flatMap((group) => group.paths);
  async function beginning(size) {
    const part = path && (await first(at(url, path), size));
    return part ?? new Uint8Array((await shards)[0] ?? 0).subarray(0, size);
  }
  return { artifacts, shards, beginning };
}

async function fetchGroup({ paths, weights }, url, get) {
  const parts = await Promise.all(paths.map((path) => get(at(url, path))));
  const got = parts.reduce((sum, part) => sum + part.length, 0);
  const wanted = weights.reduce((sum, weight) => sum + bytesOf(weight), 0);
  // Strings have no fixed size: then the sum is NaN, and there is nothing to compare.
  if (wanted !== got && !Number.isNaN(wanted)) {
    throw new Error(`the weights ${paths.join(', ')} have ${got} bytes, model.json says ${wanted}`);
  }
  return parts.map((part) => part.buffer);
}

/** Which node of the graph each wanted tensor is; not every file has a signature. */
function nodesOf(what, wanted, signature, found) {
  const keys = Object.keys(signature ?? {});
  const nodes = keys.length ? keys.map((key) => signature[key].name) : found.map((t) => t.name);
  const places = wire(what, wanted, keys.length ? keys : nodes);
  return wanted.map(({ name, dtype }, n) => ({
    name,
    node: nodes[places[n]],
    dtype: dtype === 'bool' ? 'bool' : /int/.test(dtype) ? 'int32' : 'float32',
  }));
}
