// The flow of the page: which model, on what, ready or not, ask, show.
import { fromBytes } from './arrays.js';
import { encodeRow } from './features.js';
import { selfCheck } from './check.js';
import { bestBackend, open, typed } from './model.js';
import { decode, preprocess } from './preprocess.js';
import * as view from './view.js';

const root = document.documentElement;
const site = new URL('models/', document.baseURI);
const query = new URLSearchParams(location.search);

let index = null;
let current = null; // {entry, manifest, reference, model}
let turn = 0; // counts loads, so that a slow one that was overtaken shows nothing
let working = Promise.resolve(); // TF.js has one backend at a time: loads and answers queue up

start();

async function start() {
  try {
    index = await json(new URL('index.json', site));
  } catch {
    fail('There are no models on this page yet. `edge-deploy demo ARTIFACT…` puts them here.');
    return;
  }
  const wanted = query.get('model');
  const entry = index.models.find(({ key, name }) => [key, name].includes(wanted));
  view.gallery(index.models, (chosen) => load(chosen, view.chosenBackend()));
  view.backendChoice(query.get('backend'), (backend) => current && load(current.entry, backend));
  if (wanted && !entry) {
    fail(`There is no model "${wanted}" on this page. Choose one of those that are.`);
  } else {
    await load(entry ?? index.models[0], view.chosenBackend());
  }
}

function load(entry, backend) {
  turn += 1;
  const mine = turn;
  root.dataset.state = 'loading';
  remember(entry, backend);
  view.loading(entry);
  working = working.then(async () => {
    if (mine !== turn) return;
    try {
      current?.model.dispose();
      current = null;
      await prepare(entry, backend, () => mine === turn);
    } catch (error) {
      if (mine === turn) fail(`${entry.key} cannot be run: ${error.message}`);
    }
  });
  return working;
}

async function prepare(entry, backend, stillWanted) {
  const folder = new URL(`${entry.folder}/`, site);
  const manifest = await json(new URL('manifest.json', folder));
  const reference = await readReference(folder, manifest);
  if (!stillWanted()) return;
  view.facts(entry, manifest);
  const model = await openAny(entry, backend, new URL(entry.file, folder), manifest);
  current = { entry, manifest, reference, model };
  view.status('Checking it against the original on this device…');
  // The first run compiles; it is not what later ones take.
  await model.predict(reference.samples[0].inputs);
  const started = performance.now();
  const check = await selfCheck(model, reference.samples, manifest.outputs, entry.strict);
  const each = (performance.now() - started) / reference.samples.length;
  if (!stillWanted()) return;
  view.check(check, entry, manifest, model.backend);
  await view.inputs({ entry, manifest, reference, folder }, {
    picture: (picture) => ask(pictureInput(manifest, picture)),
    file: async (blob) => picked(blob),
    row: (row) => ask(rowInput(manifest, row)),
    sample: (number) => ask(reference.samples[number].inputs, reference.samples[number].outputs),
    trouble: (error) => view.status(error.message, true),
  });
  root.dataset.backend = model.backend;
  root.dataset.model = entry.key;
  root.dataset.check = check.pass ? 'pass' : 'fail';
  root.dataset.state = check.pass ? 'ready' : 'error';
  view.ready(model.backend, each, check.pass);
}

/** The backend that was chosen; with auto the best, and WebAssembly where that one fails. */
async function openAny(entry, backend, url, manifest) {
  const best = backend === 'auto' ? bestBackend() : backend;
  const attempts = backend === 'auto' && best !== 'wasm' ? [best, 'wasm'] : [best];
  for (const [n, attempt] of attempts.entries()) {
    view.status(`Starting on ${attempt}…`);
    try {
      return await open(entry.target, url, attempt, manifest);
    } catch (error) {
      if (n === attempts.length - 1) throw error;
    }
  }
  return null;
}

async function readReference(folder, manifest) {
  const [{ samples }, buffer] = await Promise.all([
    json(new URL('reference.json', folder)),
    fetchOk(new URL('reference.bin', folder)).then((response) => response.arrayBuffer()),
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

/** One sample's shape: every axis that the model leaves open is 1, or what the values need. */
function shaped(spec, values, size) {
  const shape = spec.shape.map((axis, n) => axis ?? (n > 0 && size?.[n - 1]) ?? 1);
  shape[0] = spec.shape[0] ?? 1;
  return { data: typed(values, spec.dtype), shape: shape.map((axis) => axis || 1) };
}

function pictureInput(manifest, picture) {
  const spec = manifest.inputs.find(({ kind }) => kind === 'image') ?? manifest.inputs[0];
  const values = preprocess(manifest.preprocessing, picture);
  return { [spec.name]: shaped(spec, values, manifest.preprocessing.image.size) };
}

function rowInput(manifest, row) {
  const [spec] = manifest.inputs;
  return { [spec.name]: shaped(spec, encodeRow(manifest.features, row)) };
}

async function picked(blob) {
  const picture = await decode(blob);
  view.preview(picture);
  await ask(pictureInput(current.manifest, picture));
}

function ask(inputs, original = null) {
  const asked = current;
  working = working.then(async () => {
    if (!asked || asked !== current) return;
    try {
      const started = performance.now();
      const outputs = await asked.model.predict(inputs);
      const took = performance.now() - started;
      view.answer(asked.manifest.outputs, outputs, original);
      view.answered(took, asked.model.backend);
    } catch (error) {
      view.status(`No answer: ${error.message}`, true);
    }
  });
  return working;
}

function remember(entry, backend) {
  query.set('model', entry.key);
  query.delete('backend');
  if (backend !== 'auto') query.set('backend', backend);
  history.replaceState(null, '', `?${query}`);
}

function fail(message) {
  root.dataset.state = 'error';
  view.failed(message);
}

async function json(url) {
  return (await fetchOk(url)).json();
}

async function fetchOk(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} is missing (HTTP ${response.status})`);
  return response;
}
