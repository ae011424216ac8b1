// Where the page is. Here and not in the modules that need it, which may lie deeper.

/** The root of the site, whatever page it is used from. */
export const SITE = new URL('../', import.meta.url);

/** A module of vendor/ or of the site; by its address, so that no bundler takes it in. */
export const load = (path) => import(new URL(path, SITE).href);
