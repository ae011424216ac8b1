// Lets the site work without a network from the second visit on.

import { SITE } from './place.js';

/**
 * Start the service worker, or end one of an earlier site that wanted it.
 * @param {{offline?: boolean}} index models/index.json
 * @param {() => void} full is called when the browser's storage has no room for the site
 */
export async function keepOffline(index, full) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return; // no secure context
  try {
    serviceWorker.addEventListener('message', ({ data }) => data === 'storage-full' && full());
    if (index.offline) await serviceWorker.register(new URL('sw.js', SITE));
    else {
      const registrations = await serviceWorker.getRegistrations();
      for (const worker of registrations) if (worker.scope === SITE.href) await worker.unregister();
    }
  } catch {
    // The page works without it.
  }
}
