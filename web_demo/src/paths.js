// Where the page is. Here and not in the modules that need it, which may lie deeper.

/** The root of the site, whatever page it is used from. */
export const SITE = new URL('../', import.meta.url);

/** How to read a site that is one HTML file; inside.js fills it there. */
export const inside = { there: false, module: () => undefined, address: (url) => url.href };

/** A file in a folder of the site, whatever its name. */
export const at = (folder, path) => new URL(path.split('/').map(encodeURIComponent).join('/'), folder);

const MODELS = new URL('models/', SITE);

/** The folder of a version. */
export const folderOf = ({ folder }) => at(MODELS, `${folder}/`);

/** Where a file of a version lies: another version of the site may have had the same before. */
export const placeOf = ({ folder, shared }, path) => at(MODELS, shared?.[path] ?? `${folder}/${path}`);

/** The file that a runtime opens: its parts stand beside it, wherever they lie. */
export const addressOf = (entry, { file }) => at(folderOf(entry), file);

/** The parts of a converted file, with their addresses, as model.js takes them. */
export const filesOf = (entry, { parts }) =>
  parts.map((part) => ({ ...part, url: at(folderOf(entry), part.path).href, place: placeOf(entry, part.path).href }));

/** The modules of TF.js' kernels that the site's models need, by part; null where it has the whole. */
export function kernelsOf(paths = {}) {
  const places = Object.entries(paths).map(([part, path]) => [part, new URL(path, SITE).href]);
  return places.length ? Object.fromEntries(places) : null;
}

/** A file of the site that does not come as it should: no other backend would mend that. */
export class Unserved extends Error {
  name = 'Unserved'; // which is all that comes out of a worker
}

/** A module of vendor/ or of the site; by its address, so that no bundler takes it in. */
export async function load(path) {
  const own = inside.module(path);
  if (own) return own;
  try {
    return await import(new URL(path, SITE).href);
  } catch (error) {
    throw (await reason(path)) ?? error;
  }
}

/** Why a module was not taken, which browsers say to nobody: what does the server send? */
export async function reason(path) {
  const url = new URL(path, SITE);
  const name = url.pathname.split('/').pop();
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    return new Unserved(`${name} cannot be fetched (${error.message})`);
  }
  if (!response.ok) return new Unserved(`${name} is missing (HTTP ${response.status})`);
  const type = response.headers.get('content-type') ?? 'nothing';
  if (/html/.test(type)) return new Unserved(`${name}: the server answers with a web page`);
  if (!/javascript|ecmascript/.test(type)) {
    return new Unserved(`${name} is sent as ${type.split(';')[0]}`);
  }
  return null; // it came, and does not run
}
