// Lets the site work without a network from the second visit on.

/**
 * Start the service worker, or end one of an earlier site that wanted it.
 * @param {{offline?: boolean}} index models/index.json
 */
export async function keepOffline(index) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return; // no secure context
  try {
    if (index.offline) await serviceWorker.register(new URL('../sw.js', import.meta.url));
    else {
      const scope = new URL('../', import.meta.url).href;
      const registrations = await serviceWorker.getRegistrations();
      for (const worker of registrations) if (worker.scope === scope) await worker.unregister();
    }
  } catch {
    // The page works without it.
  }
}
