// The thread of the first model starts before the page's code is there; thread.js takes it. It gets
// the model's files and its runtime's code on their way, too. Where the page's code came first
// (scripts of this kind have no order), it has a thread of its own already.
import { SITE, addressOf, filesOf, kernelsOf } from './paths.js';
import { remembered } from './remembered.js';
import { RUNTIMES } from './runtimes/table.js';

if (globalThis.Worker && globalThis.spareWorker === undefined) {
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  globalThis.spareWorker = worker;
  // What failed before anybody listened would be waited for in vain.
  worker.onerror = () => (globalThis.spareWorker = null);
  const index = fetch(new URL('models/index.json', SITE)).then((response) => (response.ok ? response.json() : null));
  globalThis.siteIndex = index.catch(() => null); // main.js asks anew, and tells
  globalThis.siteIndex.then((found) => begin(worker, found)).catch(() => {}); // main.js tells that, too
}

/** What main.js will open, unless which version a visitor gets is not known yet. */
function begin(worker, { models, kernels }) {
  const query = new URLSearchParams(location.search);
  const wanted = query.get('model');
  const entry = wanted ? models.find(({ key, name }) => [key, name].includes(wanted)) : models[0];
  if (!entry || query.has('selftest') || models.filter(({ key }) => key === entry.key).length > 1) return;
  const asked = { path: query.get('file'), backend: query.get('backend') };
  const own = entry.files.find(({ file }) => file === entry.file);
  const file = entry.files.find((one) => one.file === asked.path) ?? own;
  const backend = RUNTIMES[file.target].backends.includes(asked.backend) ? asked.backend : 'auto';
  const way = (backend === 'auto' && file === own && remembered(entry)) || { file, backend };
  const { target } = way.file;
  const url = addressOf(entry, way.file).href;
  const files = filesOf(entry, way.file);
  worker.postMessage({ call: 'begin', target, url, backend: way.backend, files, kernels: kernelsOf(kernels) });
}
