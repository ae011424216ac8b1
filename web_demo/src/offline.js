// Lets the site work without a network from the second visit on.

import { dropOld } from './fetching.js';
import { SITE, inside, placeOf } from './paths.js';

const serviceWorker = workers(); // none where the page came over plain http
const kept = serviceWorker?.controller; // none at the first visit

/**
 * Drop what is kept of earlier versions, and start the service worker; or end it where the site
 * has none any longer.
 * @param {{offline?: boolean, models: Array}} index models/index.json
 * @param {{full: () => void, newer: () => void}} tell is told when the browser's storage has no room
 *   for the site, and when there is another version of it, which the next visit takes
 */
export async function keepOffline(index, { full, newer }) {
  if (inside.there) return;
  await dropOld(index).catch(() => {}); // another time
  if (!serviceWorker) return;
  const url = new URL('sw.js', SITE);
  const changed = () => kept && serviceWorker.controller !== kept && newer();
  try {
    serviceWorker.addEventListener('controllerchange', changed);
    changed();
    serviceWorker.addEventListener('message', ({ data }) => data === 'storage-full' && full());
    // A host may let browsers keep sw.js' list for a while, which would hide new versions.
    if (index.offline && !(await gone(url))) await serviceWorker.register(url, { updateViaCache: 'none' });
    else if (await ended()) newer();
  } catch {
    // The page works without it.
  }
}

function workers() {
  try {
    return navigator.serviceWorker;
  } catch {
    return undefined; // a frame without an origin of its own
  }
}

/**
 * Have the worker keep what a version needs, where it is not the one that all visits are kept for.
 * @param {object} entry of the version, in the site's index
 */
export async function keepVersion(entry) {
  const worker = await serviceWorker?.getRegistration(SITE.href).catch(() => null);
  if (!worker) return;
  await serviceWorker.ready;
  const described = ['manifest.json', 'reference.json', 'reference.bin', entry.quality, entry.card, entry.rows];
  const files = [...described, ...entry.pictures].filter(Boolean);
  await Promise.allSettled(files.map((file) => fetch(placeOf(entry, file))));
}

/** Whether the server has no such worker; without a network nobody knows. */
async function gone(url) {
  if (!navigator.onLine) return false;
  const response = await fetch(url, { method: 'HEAD', cache: 'no-cache' }).catch(() => null);
  const html = /html/.test(response?.headers.get('content-type')); // what some hosts send for 404
  return [404, 410].includes(response?.status) || html;
}

/** End the worker, which would show this version for ever, and drop what it keeps. */
async function ended() {
  const registrations = await serviceWorker.getRegistrations();
  const ours = registrations.filter(({ scope }) => scope === SITE.href);
  for (const registration of ours) await registration.unregister();
  for (const name of await caches.keys()) {
    if (name.startsWith(`edge-deploy-site ${SITE.pathname} `)) await caches.delete(name);
  }
  return ours.length > 0 && kept;
}
