// One model for a page of somebody else: what `edge-deploy demo --embed` exports predict() from.
import { openChecked, readReference } from './check.js';
import { encodeRow } from './features.js';
import { typed } from './model.js';
import { decode, preprocess } from './preprocess.js';

/**
 * Load a model of a site and check it against the original on this device.
 * @param {URL} site its root
 * @param {string} key the model's, in models/index.json
 * @param {{backend?: string, onProgress?: Function, signal?: AbortSignal}} [options]
 * @returns {Promise<{predict: (input: any) => Promise<object>, manifest: object, backend: string,
 *   dispose: () => void}>} predict takes what the model does: a picture file, a row, or tensors
 */
export async function loadModel(site, key, { backend = 'auto', onProgress, signal } = {}) {
  const index = await json(new URL('models/index.json', site));
  const entry = index.models.find((model) => model.key === key);
  if (!entry) throw new Error(`there is no model "${key}" at ${site.href}`);
  const folder = new URL(`models/${entry.folder}/`, site);
  const manifest = await json(new URL('manifest.json', folder));
  const reference = await readReference(folder, manifest);
  const context = { index, folder, manifest, reference, onProgress, signal };
  const { model, check } = await openChecked(entry, backend, context);
  if (!check.pass) {
    model.dispose();
    throw new Error(`${key} computes wrongly on this device (off by ${check.worst} of its scale)`);
  }
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

async function inputsOf(manifest, input) {
  const { preprocessing, features, inputs } = manifest;
  const shaped = (spec, values, size = []) => {
    const shape = spec.shape.map((axis, n) => axis ?? (n && size[n - 1]) ?? 1).map((axis) => axis || 1);
    return { [spec.name]: { data: typed(values, spec.dtype), shape } };
  };
  if (input instanceof Blob) {
    if (!preprocessing) throw new Error('this model takes no picture: its manifest has no preprocessing');
    const spec = inputs.find(({ kind }) => kind === 'image') ?? inputs[0];
    return shaped(spec, preprocess(preprocessing, await decode(input)), preprocessing.image.size);
  }
  const tensors = inputs.every(({ name }) => input?.[name]?.data && input[name].shape);
  if (tensors) {
    const entries = inputs.map(({ name, dtype }) => {
      const { data, shape } = input[name];
      return [name, { data: typed(data, dtype), shape }];
    });
    return Object.fromEntries(entries);
  }
  if (features) return shaped(inputs[0], encodeRow(features, input));
  const names = inputs.map(({ name }) => name).join(', ');
  throw new Error(`give the tensors {name: {data, shape}} of: ${names}`);
}

/** The answer in the words of its kinds. */
function readable(specs, outputs) {
  const answer = {};
  for (const { name, kind, classes, unit } of specs) {
    const { data } = outputs[name];
    if (kind === 'probabilities' || kind === 'probability') {
      const shares = kind === 'probability' && data.length === 1 ? [1 - data[0], data[0]] : [...data];
      const labels = classes ?? [...shares.keys()].map(String);
      const ranked = shares.map((probability, n) => ({ label: labels[n], probability }));
      answer.classes = ranked.sort((a, b) => b.probability - a.probability);
      Object.assign(answer, answer.classes[0]);
    } else if (kind === 'class') {
      answer.label ??= classes?.[data[0]] ?? String(data[0]);
    } else if (data.length === 1) {
      answer.value = data[0];
      if (unit) answer.unit = unit;
    }
  }
  return answer;
}

async function json(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href} is missing (HTTP ${response.status})`);
  return response.json();
}
