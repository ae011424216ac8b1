// Files of a model over the network: streamed with progress, kept by content, checked.
import { SITE, Unserved, filesOf, inside } from './paths.js';

const CACHE = 'edge-deploy-files';

/** Where a file is kept, and fetched from: no cache on the way may give one of another version. */
const keyOf = ({ place, url, sha256 }) => `${place ?? url}?sha256=${sha256}`;

/**
 * A fetcher for one model.
 *
 * What has a hash is kept in the browser under that hash: a new version of a file is fetched.
 * Where nothing can be kept (no secure context, storage full) the files
 * are fetched each time, and `trouble` says so once all that arrived was tried.
 *
 * @param {Array<{url: string, place?: string, bytes: number, sha256: string}>} files what the manifest
 *   says of them; `place` where one lies elsewhere than its address says
 * @returns {{get, ahead, first, trouble, listen}} `get(url)` is a promise of the whole file; `ahead(url)`
 *   begins to fetch a file, `ahead()` all; `first(url, size)` is a promise of the first bytes of a file that is
 *   on its way, and of null where it is all there; `trouble()` of null, or 'storage-full';
 *   `listen(onProgress)` says who is told {loaded, total, cached} from then on
 */
export function fetcher(files = []) {
  const known = new Map(files.map((file) => [new URL(file.url).href, file]));
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const state = { loaded: 0, total, cached: files.length > 0 };
  const opened = files.length ? openCache() : null;
  let trouble = null;
  let told = () => {};
  const keeping = [];

  function arrived(bytes, cached) {
    state.loaded += bytes;
    state.total = Math.max(state.total, state.loaded);
    state.cached &&= cached;
    told({ ...state });
  }

  async function fetched(url, coming = () => {}) {
    const file = known.get(url.href);
    const cache = file && (await opened);
    const key = file && keyOf(file);
    const kept = await cache?.match(key).catch(() => undefined);
    if (kept) {
      const data = new Uint8Array(await kept.arrayBuffer());
      if (data.length === file.bytes) {
        arrived(data.length, true);
        return data;
      }
    }
    const data = await download(key ?? url, (part) => {
      coming(part);
      arrived(part.length, false);
    });
    if (cache && data.length === file.bytes) {
      const put = keep(cache, file, data).catch((error) => {
        if (error.name === 'QuotaExceededError') trouble = 'storage-full';
      });
      keeping.push(put);
    }
    return data;
  }

  const begun = new Map(); // arrivals, by address
  const ready = new Map(); // promises of whole files that nobody has taken yet

  function begin(url) {
    const { href } = new URL(url);
    const coming = arrivals();
    const whole = fetched(new URL(url), coming.add).finally(coming.end);
    whole.catch(() => {}); // told when it is asked for
    begun.set(href, coming);
    ready.set(href, whole);
  }

  /** A file is given once: the runtime may take its memory. */
  function get(url) {
    const { href } = new URL(url);
    if (!ready.has(href)) begin(url);
    const whole = ready.get(href);
    ready.delete(href);
    return whole;
  }

  return {
    get,
    ahead: (url) => (url ? [url.href] : [...known.keys()]).forEach((href) => begun.has(href) || begin(href)),
    first: async (url, size) => begun.get(new URL(url).href)?.first(size) ?? null,
    trouble: () => Promise.all(keeping).then(() => trouble),
    listen(onProgress) {
      told = onProgress;
      if (state.loaded) told({ ...state });
    },
  };
}

/** What has come of a file so far. */
function arrivals() {
  const parts = [];
  let size = 0;
  let waiting = () => {};
  let ended = false;
  return {
    add(part) {
      parts.push(part);
      size += part.length;
      waiting();
    },
    end() {
      ended = true;
      parts.length = 0;
      waiting();
    },
    first: (wanted) =>
      new Promise((resolve) => {
        waiting = () => {
          if (ended) resolve(null);
          else if (size >= wanted) resolve(joined(parts, size).subarray(0, wanted));
        };
        waiting();
      }),
  };
}

async function openCache() {
  if (inside.there) return undefined; // the file itself is kept
  try {
    return await globalThis.caches?.open(CACHE);
  } catch {
    return undefined; // cookies and site data are blocked
  }
}

/** Put a file under its hash, if it is what the hash says: a site may be changing meanwhile. */
async function keep(cache, file, data) {
  const response = new Response(data); // a copy, as the runtime may take the memory
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (hex === file.sha256) await cache.put(keyOf(file), response);
}

/** Drop what is kept of models that the site has no longer, or has in another version. */
export async function dropOld({ models }) {
  const cache = await openCache();
  const site = new URL('models/', SITE);
  const listed = models.flatMap((entry) => entry.files.flatMap((file) => filesOf(entry, file).map(keyOf)));
  for (const { url } of (await cache?.keys()) ?? []) {
    if (url.startsWith(site.href) && !listed.includes(url)) await cache.delete(url);
  }
}

async function download(url, arrived) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Unserved(`${nameOf(url)} cannot be fetched (${error.message})`);
  }
  if (!response.ok) {
    throw new Unserved(`${nameOf(url)} cannot be fetched (HTTP ${response.status})`);
  }
  if (/^text\/html/.test(response.headers.get('content-type') ?? '')) {
    // Single-page hosts answer every missing file with their index.html and "200 OK".
    throw new Unserved(
      `${nameOf(url)}: the server answers with a web page instead of weights or a model; the ` +
        'file is missing there. Upload the whole site again',
    );
  }
  const parts = [];
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read().catch((error) => {
      throw new Unserved(`${nameOf(url)} cannot be fetched to its end (${error.message})`);
    });
    if (done) break;
    parts.push(value);
    size += value.length;
    arrived(value);
  }
  return joined(parts, size);
}

function joined(parts, size) {
  const data = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

/** A file of the site, or an error that names it. */
export async function fetchOk(url, options = {}) {
  const response = await fetch(url, options);
  if (!response.ok) {
    throw new Unserved(`${nameOf(url)} is missing (HTTP ${response.status})`);
  }
  return response;
}

/** A JSON file of the site. */
export async function json(url, options = {}) {
  return (await fetchOk(url, options)).json();
}

/** The last part of an address, readable. */
export function nameOf(url) {
  return decodeURIComponent(new URL(url).pathname.split('/').pop());
}
