// Keeps the site for visits without a network. models/offline.js says what it consists of.
//
// What is kept is served first, so that a second visit asks the network for nothing; a new
// version of the site is kept whole beside the old one and taken at the next visit.
importScripts('models/offline.js');

const { version, files, weights } = self.SITE;
const root = new URL('./', self.location);
const OURS = `edge-deploy-site ${root.pathname} `; // other sites may lie at other paths
const CACHE = OURS + version;
const PATIENCE = 4000; // milliseconds for what may have changed
const MODELS = 'edge-deploy-files'; // of fetching.js, which reads it without this worker
const modelFiles = new Set(weights.map(({ path }) => place(path)));

function place(path) {
  return new URL(path.split('/').map(encodeURIComponent).join('/'), root).href;
}

self.addEventListener('install', (event) => {
  // What is sent when a page is left would be lost on its way through here.
  event.addRoutes?.({ condition: { requestMethod: 'POST' }, source: 'network' }).catch(() => {});
  event.waitUntil(keepAll().then(() => self.skipWaiting(), giveUp));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(dropOld().then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const ours = request.method === 'GET' && url.href.startsWith(root.href);
  const kept = modelFiles.has(url.origin + url.pathname) || url.searchParams.has('sha256'); // by the page
  if (!ours || kept || url.href === self.location.href) return;
  event.respondWith(request.cache === 'no-store' ? latest(request, url) : answer(request, url));
});

async function keepAll() {
  const cache = await caches.open(CACHE);
  const pages = files.map((path) => new Request(place(path), { cache: 'no-cache' }));
  await cache.addAll([new Request(root.href, { cache: 'no-cache' }), ...pages]);
  const models = await caches.open(MODELS);
  for (const { path, sha256 } of weights) {
    const key = `${place(path)}?sha256=${sha256}`;
    if (await models.match(key)) continue;
    const data = await (await fetch(key)).arrayBuffer();
    // The site may be changing meanwhile; and a full disk must not cost the page.
    if ((await digest(data)) === sha256) await models.put(key, new Response(data)).catch(() => {});
  }
}

async function digest(data) {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What is kept in part is of no use: leave the room to others, and let the page say why. */
async function giveUp(error) {
  await caches.delete(CACHE);
  if (error.name === 'QuotaExceededError') {
    const pages = await self.clients.matchAll({ includeUncontrolled: true, type: 'window' });
    for (const page of pages) page.postMessage('storage-full');
  }
  throw error;
}

async function dropOld() {
  for (const name of await caches.keys()) {
    if (name.startsWith(OURS) && name !== CACHE) await caches.delete(name);
  }
}

async function answer(request, url) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(url.origin + url.pathname);
  if (kept) return kept;
  const response = await fetch(request);
  // A runtime, or another version of a model, that is loaded once is there the next time, too.
  if (response.ok && /\/(vendor|models)\//.test(url.pathname.slice(root.pathname.length - 1))) {
    await cache.put(url.origin + url.pathname, response.clone()).catch(() => {});
  }
  return response;
}

/** What may have changed since: as the network has it, and what was kept where that does not answer. */
async function latest(request, url) {
  const cache = await caches.open(CACHE);
  const key = url.origin + url.pathname;
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
    if (response.ok && /json/.test(response.headers.get('content-type') ?? '')) {
      await cache.put(key, response.clone()).catch(() => {});
      return response;
    }
    return (await cache.match(key)) ?? response;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
}
