// Files of a model over the network: streamed with progress, kept by content, checked.

const CACHE = 'edge-deploy-files';

/**
 * A fetcher for one model.
 *
 * What has a hash is kept in the browser under that hash: a new version of a file is fetched, and
 * the old one is dropped. Where nothing can be kept (no secure context, storage full) the files
 * are fetched each time, and `trouble` says so once all that arrived was tried.
 *
 * @param {Array<{url: string, bytes: number, sha256: string}>} files what the manifest says of them
 * @param {(state: {loaded: number, total: number, cached: boolean}) => void} [onProgress]
 * @returns {{get: (url: URL) => Promise<Uint8Array>, trouble: () => Promise<string|null>}} null, or
 *   'storage-full'
 */
export function fetcher(files = [], onProgress = () => {}) {
  const known = new Map(files.map((file) => [new URL(file.url).href, file]));
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const state = { loaded: 0, total, cached: files.length > 0 };
  let trouble = null;
  const keeping = [];

  function arrived(bytes, cached) {
    state.loaded += bytes;
    state.total = Math.max(state.total, state.loaded);
    state.cached &&= cached;
    onProgress({ ...state });
  }

  async function fetched(url) {
    const file = known.get(url.href);
    const cache = file && (await openCache());
    const key = file && `${url.href}?sha256=${file.sha256}`;
    const kept = await cache?.match(key).catch(() => undefined);
    if (kept) {
      const data = new Uint8Array(await kept.arrayBuffer());
      if (data.length === file.bytes) {
        arrived(data.length, true);
        return data;
      }
    }
    const data = await download(url, (bytes) => arrived(bytes, false));
    if (cache && data.length === file.bytes) {
      const put = keep(cache, key, url, data).catch((error) => {
        if (error.name === 'QuotaExceededError') trouble = 'storage-full';
      });
      keeping.push(put);
    }
    return data;
  }

  // All at once: a file that names others must not make them wait.
  const early = new Map([...known.keys()].map((href) => [href, fetched(new URL(href))]));
  early.forEach((promise) => promise.catch(() => {})); // told when it is asked for

  /** A file is given once: the runtime may take its memory. */
  function get(url) {
    const { href } = new URL(url);
    const promise = early.get(href) ?? fetched(new URL(url));
    early.delete(href);
    return promise;
  }

  return { get, trouble: () => Promise.all(keeping).then(() => trouble) };
}

async function openCache() {
  try {
    return await globalThis.caches?.open(CACHE);
  } catch {
    return undefined; // cookies and site data are blocked
  }
}

/** Put a file under its hash, and drop what the same address held before. */
async function keep(cache, key, url, data) {
  await cache.put(key, new Response(data));
  for (const request of await cache.keys()) {
    const old = new URL(request.url);
    if (old.pathname === url.pathname && request.url !== key) await cache.delete(request);
  }
}

async function download(url, arrived) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Error(`${nameOf(url)} cannot be fetched (${error.message})`);
  }
  if (!response.ok) throw new Error(`${nameOf(url)} cannot be fetched (HTTP ${response.status})`);
  if (/^text\/html/.test(response.headers.get('content-type') ?? '')) {
    // Single-page hosts answer every missing file with their index.html and "200 OK".
    throw new Error(
      `${nameOf(url)}: the server answers with a web page instead of weights or a model; the ` +
        'file is missing there. Upload the whole site again',
    );
  }
  const parts = [];
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    arrived(value.length);
  }
  const data = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

/** A file of the site, or an error that names it. */
export async function fetchOk(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${nameOf(url)} is missing (HTTP ${response.status})`);
  return response;
}

/** A JSON file of the site. */
export async function json(url) {
  return (await fetchOk(url)).json();
}

/** The last part of an address, readable. */
export function nameOf(url) {
  return decodeURIComponent(new URL(url).pathname.split('/').pop());
}
