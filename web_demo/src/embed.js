// One model for a page of somebody else: what `edge-deploy demo --embed` exports predict() from.
import { countDropped, readReleases, visitorsModels } from './channels.js';
import { pictureInput, rowInput, tensorInput } from './inference.js';
import { json } from './fetching.js';
import { useKernels } from './model.js';
import { checkSize } from './picture_size.js';
import { decode } from './preprocess.js';
import { readable } from './readable.js';
import { describe } from './reference.js';
import { openChecked, standIns } from './select-backend.js';

/**
 * Load a model of a site and check it against the original on this device.
 * @param {URL} site its root
 * @param {string} key the model's, in models/index.json
 * @param {{backend?: string, onProgress?: Function, signal?: AbortSignal}} [options]
 * @returns {Promise<{predict: (input: any) => Promise<object>, manifest: object, backend: string,
 *   dispose: () => void}>} predict takes what the model does: a picture file, a row, or tensors
 */
export async function loadModel(site, key, options = {}) {
  const { backend = 'auto', onProgress = () => {}, signal = new AbortController().signal } = options;
  const [index, releases] = await Promise.all([json(new URL('models/index.json', site)), readReleases()]);
  const entry = visitorsModels(index.models, releases).find((model) => model.key === key);
  if (!entry) throw new Error(`there is no model "${key}" at ${site.href}`);
  useKernels(index.kernels);
  const tell = { backend, onProgress, signal };
  let opened;
  try {
    opened = await openEntry(entry, tell);
  } catch (error) {
    if (!entry.stable || signal.aborted) throw error;
    countDropped(entry, error); // a version on trial makes way, as on the page
    opened = await openEntry(entry.stable, tell);
  }
  const { model, manifest } = opened;
  return {
    manifest,
    backend: model.backend,
    dispose: () => model.dispose(),
    async predict(input) {
      const inputs = await inputsOf(manifest, input);
      const started = performance.now();
      const outputs = await model.predict(inputs);
      const milliseconds = performance.now() - started;
      return { ...readable(manifest.outputs, outputs), outputs, backend: model.backend, milliseconds };
    },
  };
}

async function openEntry(entry, { backend, onProgress, signal }) {
  const described = describe(entry);
  const file = entry.files.find((one) => one.file === entry.file);
  const files = [file, ...standIns(entry, file)];
  const place = { entry, described, signal };
  const nothing = () => {};
  const tell = { starting: nothing, checking: nothing, fell: nothing, progress: onProgress };
  const { model, check } = await openChecked(files, backend, place, tell);
  const { manifest } = await described;
  if (!check.pass) {
    model.dispose();
    throw new Error(`${entry.key} computes wrongly on this device (off by ${check.worst} of its scale)`);
  }
  return { model, manifest };
}

async function inputsOf(manifest, input) {
  const { preprocessing, features, inputs } = manifest;
  if (input instanceof Blob) {
    if (preprocessing) {
      await checkSize(input);
      return pictureInput(manifest, await decode(input));
    }
    throw new Error('this model takes no picture: its manifest has no preprocessing');
  }
  if (inputs.every(({ name }) => input?.[name]?.data && input[name].shape)) {
    const tensors = inputs.map(({ name }) => [name, { ...input[name], values: input[name].data.slice() }]);
    return tensorInput(manifest, Object.fromEntries(tensors));
  }
  if (features && input) return rowInput(manifest, features, input);
  const names = inputs.map(({ name }) => name).join(', ');
  throw new Error(`give the tensors {name: {data, shape}} of: ${names}`);
}
