// Is what this device computes what the original computed? If not, the next backend is taken.
import { RUNTIMES, bestBackend, open } from './model.js';
import { fromBytes } from './arrays.js';

/** A float32 file may differ from the original by this share of the output's scale. */
export const TOLERANCE = 1e-4;

/**
 * Where the files of a model are, for open(): their hashes, and the kernels that the site has.
 * @param {object} index models/index.json
 * @param {{file: string, parts?: Array}} file an entry of the index, or one of its `files`
 * @param {URL} folder of the model
 */
export function openOptions(index, file, folder) {
  const site = new URL('../', import.meta.url);
  const parts = file.parts ?? file.files?.find((other) => other.file === file.file)?.parts;
  const place = (path) => new URL(path.split('/').map(encodeURIComponent).join('/'), folder).href;
  const kernels = Object.entries(index.kernels ?? {}).map(([part, path]) => [
    part,
    new URL(path, site).href,
  ]);
  return {
    files: parts?.map(({ path, bytes, sha256 }) => ({ url: place(path), bytes, sha256 })),
    kernels: kernels.length ? Object.fromEntries(kernels) : null,
  };
}

/**
 * Open a file on the wanted backend, and on the next one where it cannot start or computes wrongly.
 * @param {object} file an entry of the index, or one of its `files`: {target, file, strict, ...}
 * @param {string} wanted a backend, or 'auto'
 * @param {object} context {index, folder, manifest, reference, onTry, onProgress, signal}
 * @returns {Promise<{model, check, milliseconds, refused: Array<{backend, reason, check}>}>}
 *   refused are the backends before it, with what was wrong: an error's words, or a failed check.
 *   When no backend passes, the first that ran is returned with its failed check
 */
export async function openChecked(file, wanted, context) {
  const { index, folder, manifest, reference, onTry = () => {}, onProgress, signal } = context;
  const refused = [];
  let wrong = null;
  for (const backend of backendsToTry(file.target, wanted)) {
    signal?.throwIfAborted();
    onTry(backend, refused);
    let model = null;
    try {
      const url = new URL(file.file.split('/').map(encodeURIComponent).join('/'), folder);
      const options = { ...openOptions(index, file, folder), onProgress, signal };
      model = await open(file.target, url, backend, manifest, options);
      // The first run compiles; it is not what later ones take.
      await model.predict(reference.samples[0].inputs, { signal });
      const started = performance.now();
      const check = await selfCheck(model, reference.samples, manifest.outputs, file.strict);
      const milliseconds = (performance.now() - started) / reference.samples.length;
      if (check.pass) {
        wrong?.model.dispose();
        return { model, check, milliseconds, refused };
      }
      refused.push({ backend, reason: null, check });
      if (wrong) model.dispose();
      else wrong = { model, check, milliseconds };
    } catch (error) {
      model?.dispose();
      if (error.name === 'AbortError' || signal?.aborted) {
        wrong?.model.dispose();
        throw error;
      }
      refused.push({ backend, reason: error.message, check: null });
    }
  }
  if (wrong) return { ...wrong, refused };
  throw new Error(refused[0].reason);
}

function backendsToTry(target, wanted) {
  const { backends } = RUNTIMES[target];
  const first = wanted !== 'auto' && backends.includes(wanted) ? wanted : null;
  const best = target === 'tfjs' ? bestBackend() : backends[0];
  // WebGPU is for those who ask: it compiles for long, and few devices gain.
  const rest = [best, ...backends].filter((backend) => backend !== 'webgpu');
  return [...new Set([...(first ? [first] : []), ...rest])];
}

/** The packaged samples of a model, with the original's answers. */
export async function readReference(folder, manifest) {
  const get = async (name) => {
    const response = await fetch(new URL(name, folder));
    if (!response.ok) throw new Error(`${name} is missing (HTTP ${response.status})`);
    return response;
  };
  const [{ samples }, buffer] = await Promise.all([
    get('reference.json').then((response) => response.json()),
    get('reference.bin').then((response) => response.arrayBuffer()),
  ]);
  const tensors = (places, specs) =>
    Object.fromEntries(
      specs.map(({ name, dtype }) => {
        const { shape, start, end } = places[name];
        return [name, { shape, data: fromBytes(buffer.slice(start, end), dtype) }];
      }),
    );
  return {
    samples: samples.map(({ inputs, outputs }) => ({
      inputs: tensors(inputs, manifest.inputs),
      outputs: tensors(outputs, manifest.outputs),
    })),
  };
}

/**
 * Run the packaged samples and compare with what the original answered.
 * @param model what open() gave
 * @param {Array<{inputs: object, outputs: object}>} samples
 * @param {Array} specs the outputs, as in the manifest
 * @param {boolean} strict whether the file keeps every bit of the weights, so that it must agree
 * @returns {Promise<{samples: number, worst: number, output: string, pass: boolean,
 *   maxAbsError: number}>} worst is the largest error as a share of the output's scale
 */
export async function selfCheck(model, samples, specs, strict = true) {
  const error = Object.fromEntries(specs.map(({ name }) => [name, 0]));
  const scale = Object.fromEntries(specs.map(({ name }) => [name, 1e-6]));
  for (const sample of samples) {
    const answer = await model.predict(sample.inputs);
    for (const { name, kind } of specs) {
      const mine = answer[name].data;
      const original = sample.outputs[name].data;
      if (mine.length !== original.length) error[name] = Infinity;
      for (let n = 0; n < original.length; n += 1) {
        const difference = Math.abs(mine[n] - original[n]);
        // A class is right or wrong; NaN is wrong unless the original says so too.
        if (kind === 'class' && difference) error[name] = Infinity;
        if (Number.isNaN(difference)) {
          if (!Number.isNaN(original[n])) error[name] = Infinity;
          continue;
        }
        error[name] = Math.max(error[name], difference);
        scale[name] = Math.max(scale[name], Math.abs(original[n]));
      }
    }
  }
  const shares = specs.map(({ name }) => ({ output: name, worst: error[name] / scale[name] }));
  const { output, worst } = shares.reduce((a, b) => (b.worst > a.worst ? b : a));
  const pass = samples.length > 0 && (strict ? worst <= TOLERANCE : Number.isFinite(worst));
  const maxAbsError = Math.max(...Object.values(error));
  return { samples: samples.length, worst, output, pass, maxAbsError };
}
