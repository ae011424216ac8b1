// The first run of a model on WebGL is nearly all compiling. That needs no weights, so it is done
// while they are on their way.

const BYTES = { float32: 4, int32: 4, bool: 1, complex64: 8, uint8: 1, uint16: 2, float16: 2 };
const MOST = 64e6; // bytes of weights: zeros take as much memory again

/** A weight's size in its file, in bytes; NaN for strings, which have no fixed one. */
export function bytesOf({ shape, dtype, quantization }) {
  const count = shape.reduce((product, axis) => product * axis, 1);
  return count * (BYTES[quantization?.dtype ?? dtype] ?? NaN);
}

/**
 * Compile what a graph model needs, by running it on zeros. What steers a graph (shapes, axes) is
 * whole numbers; these are taken as they are, and in our files they come first.
 *
 * @param {object} tf TF.js, on WebGL
 * @param {object} artifacts of the model, but for weightData
 * @param {(model: object) => {inputs: Array, outputs: Array}} wires the nodes that are wanted
 * @param {(size: number) => Promise<Uint8Array>} beginning the weights' first bytes
 * @throws {Error} a shader does not compile on this device
 */
export async function rehearse(tf, artifacts, wires, beginning) {
  const sizes = artifacts.weightSpecs.map(bytesOf);
  const total = sum(sizes);
  if (!(total <= MOST) || artifacts.modelInitializer) return;
  const steering = artifacts.weightSpecs.findLastIndex(({ dtype }) => dtype !== 'float32') + 1;
  const needed = sum(sizes.slice(0, steering));
  const head = await beginning(needed);
  if (head.length < needed) return; // not one of our files
  const weights = new Uint8Array(total);
  weights.set(head);
  const model = new tf.GraphModel({ load: () => ({ ...artifacts, weightData: weights.buffer }) });
  await model.load();
  const { inputs, outputs } = wires(model);
  const nodes = outputs.map(({ node }) => node);
  const feed = {};
  try {
    for (const { node, dtype } of inputs) {
      const { shape } = model.inputs.find(({ name }) => name === node.split(':')[0]);
      // Shaders are for one shape each: for a length that is not known there are none to compile.
      if (!shape || shape.indexOf(-1, 1) > 0) return;
      feed[node] = zeros(tf, shape, dtype);
    }
    compile(tf, () => model.execute(feed, nodes));
    await draw(tf, () => model.execute(feed, nodes));
  } finally {
    tf.dispose(feed);
    model.dispose();
  }
}

/** Hand the driver all shaders before asking for any: it may compile them side by side. */
function compile(tf, run) {
  tf.env().set('ENGINE_COMPILE_ONLY', true);
  attempt(() => tf.dispose(run()));
  tf.env().set('ENGINE_COMPILE_ONLY', false);
  const { backendInstance } = tf.engine();
  backendInstance.checkCompileCompletion();
  backendInstance.getUniformLocations();
}

/** Many drivers compile only what draws: let each shader draw one pixel, and begin at once. */
async function draw(tf, run) {
  const { gl } = tf.engine().backendInstance.gpgpu;
  const { scissor } = gl;
  gl.scissor = () => scissor.call(gl, 0, 0, 1, 1);
  tf.env().set('WEBGL_FLUSH_THRESHOLD', 1e-6); // milliseconds
  const results = [attempt(run) ?? []].flat();
  tf.env().set('WEBGL_FLUSH_THRESHOLD', -1);
  delete gl.scissor;
  await Promise.allSettled(results.map((result) => result.data()));
  tf.dispose(results);
}

/** What run() gives; nothing where the graph cannot run so: it has loops, or zeros mislead it. */
function attempt(run) {
  try {
    return run();
  } catch {
    return null;
  }
}

function zeros(tf, open, dtype) {
  const shape = open.map((axis) => Math.max(axis, 1));
  const Kind = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
  return tf.tensor(new Kind(shape.reduce((product, axis) => product * axis, 1)), shape, dtype);
}

const sum = (sizes) => sizes.reduce((total, size) => total + size, 0);
