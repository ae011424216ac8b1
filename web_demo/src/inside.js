// The page as one HTML file: what a site has as files lies in the document, and is read from there.
//
// `edge-deploy demo --single-file` puts the files into #files (see edge_deploy/web/single_file.py),
// and the modules of TF.js into globalThis.edgeDeployModules.
import * as zip from 'fflate';
import { RUNTIMES } from './model.js';
import { SITE, inside } from './paths.js';
import * as worker from './worker.js';

const TYPES = { json: 'application/json', wasm: 'application/wasm', html: 'text/plain' };
// Each would need a file of its own.
const MODULES = { 'src/worker.js': worker, 'vendor/zip.js': zip };
const files = JSON.parse(document.getElementById('files').textContent);

/** The path of an address in the site, or null. */
function pathOf(url) {
  const { href } = new URL(url, SITE);
  return href.startsWith(SITE.href) ? decodeURIComponent(href.slice(SITE.href.length).split('?')[0]) : null;
}

/** A file of the document, in place of one of a server. */
async function read(request) {
  const path = pathOf(request.url ?? request);
  const file = files[path];
  if (!file) return new Response(null, { status: 404 });
  const type = TYPES[path.split('.').pop()] ?? 'application/octet-stream';
  const bytes = Uint8Array.from(atob(file.data), (letter) => letter.charCodeAt(0));
  const body = new Response(bytes).body;
  const plain = file.gzip ? body.pipeThrough(new DecompressionStream('gzip')) : body;
  return new Response(plain, { headers: { 'content-type': file.type ?? type } });
}

globalThis.fetch = read;
Object.assign(inside, {
  there: true,
  module: (path) => MODULES[path] ?? globalThis.edgeDeployModules[pathOf(path)]?.(),
  address: (url) => {
    const file = files[pathOf(url)];
    return file?.type && !file.gzip ? `data:${file.type};base64,${file.data}` : url.href;
  },
});
RUNTIMES.tfjs.backends = ['wasm']; // the smallest, and what every device can run

const licences = document.getElementById('licences');
licences.ontoggle = async () => {
  const text = await (await read(new URL('vendor/LICENSES.txt', SITE))).text();
  licences.querySelector('pre').textContent = text;
};
