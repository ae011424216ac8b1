// Lets the site work without a network from the second visit on.

import { dropOld } from './fetching.js';
import { SITE } from './place.js';

/**
 * Drop what is kept of earlier versions, and start the service worker, or end one of an earlier site that wanted it.
 * @param {{offline?: boolean, models: Array}} index models/index.json
 * @param {() => void} full is called when the browser's storage has no room for the site
 */
export async function keepOffline(index, full) {
  await dropOld(index).catch(() => {}); // another time
  const { serviceWorker } = navigator;
  if (!serviceWorker) return; // no secure context
  try {
    serviceWorker.addEventListener('message', ({ data }) => data === 'storage-full' && full());
    // A host may let browsers keep sw.js' list for a while, which would hide new versions.
    if (index.offline) await serviceWorker.register(new URL('sw.js', SITE), { updateViaCache: 'none' });
    else {
      const registrations = await serviceWorker.getRegistrations();
      for (const worker of registrations) if (worker.scope === SITE.href) await worker.unregister();
    }
  } catch {
    // The page works without it.
  }
}
