// TF.js graph models, behind the interface that every runtime has:
//   load(url, backend, entry) -> {backend, predict(inputs) -> outputs, dispose, tensors}
// where tensors on both sides are {data: TypedArray, shape: [...]}, by the model's own names.

export const backends = ['webgl', 'wasm', 'webgpu', 'cpu'];

const BYTES = { float32: 4, int32: 4, bool: 1, complex64: 8, uint8: 1, uint16: 2, float16: 2 };
let wasmReady = false;

/**
 * Load a graph model.
 * @param {URL} url of model.json
 * @param {string} backend one of `backends`
 * @param {{inputs: Array, outputs: Array}} entry the tensors that are wanted, as in the manifest
 */
export async function load(url, backend, entry) {
  const artifacts = await fetchModel(url);
  const tf = await start(backend);
  const model = new tf.GraphModel({ load: () => artifacts });
  await model.load();
  const inputs = wire('inputs', entry.inputs, artifacts.signature?.inputs, model.inputs);
  const outputs = wire('outputs', entry.outputs, artifacts.signature?.outputs, model.outputs);
  const nodes = outputs.map((output) => output.node);
  let sequential = false;

  async function run(feed) {
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
        if (!values[name]) throw new Error(`no value for the input "${name}"`);
        const { data, shape } = values[name];
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
  };
}

/** Start a backend, and make sure that it is the one in use. */
async function start(backend) {
  if (!backends.includes(backend)) throw new Error(`TF.js has no backend "${backend}"`);
  const tf = await import('../../vendor/tfjs.mjs');
  const module = await import(`../../vendor/tfjs-${backend}.mjs`);
  if (backend === 'wasm' && !wasmReady) {
    // Threads would need a worker from a blob, which the content security policy forbids.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    module.setWasmPaths(new URL('../../vendor/', import.meta.url).href);
    wasmReady = true;
  }
  const started = await tf.setBackend(backend).catch(() => false);
  await tf.ready();
  if (!started || tf.getBackend() !== backend) {
    throw new Error(`the ${backend} backend does not start in this browser`);
  }
  return tf;
}

/** model.json and its weights, every byte accounted for. */
async function fetchModel(url) {
  const text = await (await get(url)).text();
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
  const shards = await Promise.all(groups.map((group) => fetchGroup(group, url)));
  return {
    modelTopology: document.modelTopology,
    format: document.format,
    generatedBy: document.generatedBy,
    convertedBy: document.convertedBy,
    signature: document.signature,
    userDefinedMetadata: document.userDefinedMetadata,
    modelInitializer: document.modelInitializer,
    initializerSignature: document.initializerSignature,
    weightSpecs: groups.flatMap((group) => group.weights),
    weightData: shards.flat(),
  };
}

async function fetchGroup({ paths, weights }, url) {
  const parts = await Promise.all(
    paths.map(async (path) => {
      const place = new URL(path.split('/').map(encodeURIComponent).join('/'), url);
      const response = await get(place);
      if (/^text\/html/.test(response.headers.get('content-type') ?? '')) {
        throw new Error(`${path}: the server answers with a web page instead of weights`);
      }
      return response.arrayBuffer();
    }),
  );
  const got = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const sizes = weights.map(({ shape, dtype, quantization }) => {
    const count = shape.reduce((product, axis) => product * axis, 1);
    return count * (BYTES[quantization?.dtype ?? dtype] ?? NaN);
  });
  const wanted = sizes.reduce((sum, size) => sum + size, 0);
  // Strings have no fixed size: then the sum is NaN, and there is nothing to compare.
  if (wanted !== got && !Number.isNaN(wanted)) {
    throw new Error(`the weights ${paths.join(', ')} have ${got} bytes, model.json says ${wanted}`);
  }
  return parts;
}

async function get(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Error(`${nameOf(url)} cannot be fetched (${error.message})`);
  }
  if (!response.ok) throw new Error(`${nameOf(url)} cannot be fetched (HTTP ${response.status})`);
  return response;
}

function nameOf(url) {
  return decodeURIComponent(new URL(url, globalThis.location?.href).pathname.split('/').pop());
}

/**
 * Which node of the graph each wanted tensor is: by the signature's names; in a file of somebody
 * else, whose names are others or that has no signature, in order.
 */
function wire(what, wanted, signature, found) {
  const keys = Object.keys(signature ?? {});
  const byName = keys.length >= wanted.length && wanted.every(({ name }) => keys.includes(name));
  const nodes = keys.length ? keys.map((key) => signature[key].name) : found.map((t) => t.name);
  if (!byName && nodes.length !== wanted.length) {
    const names = (keys.length ? keys : nodes).join(', ');
    throw new Error(
      `the file has ${nodes.length} ${what} (${names}), the original has ${wanted.length} ` +
        `(${wanted.map(({ name }) => name).join(', ')})`,
    );
  }
  return wanted.map(({ name, dtype }, n) => ({
    name,
    node: byName ? signature[name].name : nodes[n],
    dtype: dtype === 'bool' ? 'bool' : /int/.test(dtype) ? 'int32' : 'float32',
  }));
}
