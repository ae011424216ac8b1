// The address of the page: what it names is loaded, and what is loaded it names.

let query = new URLSearchParams(location.search);
let arriving = true; // the address names what is loaded, and not the other way round

export const get = (key) => query.get(key);
export const has = (key) => query.has(key);
export const forget = (...keys) => keys.forEach((key) => query.delete(key));

/** What is chosen from now on is a place to come back to. */
export function arrived() {
  arriving = false;
}

/** Back and Forward; arrived() ends each. */
export function onMove(moved) {
  window.addEventListener('popstate', () => {
    if (location.search === `?${query}`) return; // a link to a place in the page
    query = new URLSearchParams(location.search);
    arriving = true;
    moved();
  });
}

/** Another model, file or backend is a place to come back to. */
export function remember(entry, file, backend) {
  if (query.get('model') !== entry.key) query.delete('row');
  query.set('model', entry.key);
  forget('file', 'backend');
  if (file.file !== entry.file) query.set('file', file.file);
  if (backend !== 'auto') query.set('backend', backend);
  if (arriving) replace();
  else if (`?${query}` !== location.search) change('pushState');
}

/** The table inputs of a link; null where it has none. */
export function row() {
  try {
    const found = JSON.parse(query.get('row'));
    return found && typeof found === 'object' && !Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}

export function keepRow(values) {
  query.set('row', JSON.stringify(values));
  replace();
}

/** Begin anew, with other values. */
export function reload(changes) {
  for (const [key, value] of Object.entries(changes)) query.set(key, value);
  location.search = query;
}

function replace() {
  change('replaceState');
}

/** A page within another one, or one that is a file, may not change its address. */
function change(how) {
  try {
    window.history[how](null, '', `?${query}`);
  } catch {
    // There is no link to share, and the page works.
  }
}
