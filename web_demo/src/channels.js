// Which version of a model answers this visitor: by models/releases.json, and by a number that this
// browser draws once. Nobody else learns of the number.
import { SITE } from './paths.js';

const NUMBER = `edge-deploy-visitor ${SITE.pathname}`;
const COUNTS = `edge-deploy-releases ${SITE.pathname}`;
const STEPS = 1000; // of the number: too few to know a visitor by
const WAIT = 8000; // milliseconds for releases.json; sw.js falls to what it keeps before

/** models/releases.json as it is now; null where it cannot be had: the index has the stable ones first. */
export async function readReleases() {
  try {
    const options = { cache: 'no-store', signal: AbortSignal.timeout(WAIT) };
    const response = await fetch(new URL('models/releases.json', SITE), options);
    const found = response.ok ? await response.json() : null;
    if (!Array.isArray(found?.models)) return null;
    return { ...found, models: found.models.filter(isRelease) };
  } catch {
    return null;
  }
}

const isRelease = (one) =>
  typeof one?.name === 'string' && typeof one.stable === 'string' && Array.isArray(one.versions);

/** Whether a version is live that the index does not have: it is of before that was published. */
export function lacks(models, releases) {
  const live = ({ stable, canary, shadow }) => [stable, canary?.version, shadow].filter(Boolean);
  const has = (name, version) => models.some((one) => one.key === name && one.version === version);
  return (releases?.models ?? []).some((one) => live(one).some((version) => !has(one.name, version)));
}

/**
 * One entry a model: that of the version that answers this visitor.
 * @param {object[]} models of the index, all versions that are kept
 * @param {?object} releases what readReleases() gave
 * @param {?string} wanted a channel that the address asks for
 * @returns {object[]} entries, each with its `channel`, its model's `release` (null where nobody said),
 *   the entry of the `stable` version where it is another, that of the `shadow` that is asked in silence,
 *   and those of all `others` that are kept
 */
export function visitorsModels(models, releases, wanted = null) {
  const keys = [...new Set(models.map(({ key }) => key))];
  return keys.map((key) => {
    const versions = models.filter((one) => one.key === key);
    return chosen(versions, releases?.models.find(({ name }) => name === key) ?? null, wanted);
  });
}

function chosen(versions, release, wanted) {
  const of = (version) => versions.find((one) => one.version === version);
  const stable = of(release?.stable) ?? versions[0];
  const named = { stable: release?.stable, canary: release?.canary?.version, shadow: release?.shadow };
  const asked = Object.hasOwn(named, wanted ?? '') ? wanted : null;
  const channel = asked ?? (isCanary(release, stable.key) ? 'canary' : 'stable');
  const entry = of(named[channel]) ?? stable;
  const silent = channel === 'stable' ? of(release?.shadow) : undefined;
  const others = (shown) => versions.filter((one) => one !== shown);
  return {
    ...entry,
    release,
    channel: entry === stable ? 'stable' : channel,
    stable:
      entry === stable
        ? null
        : { ...stable, release, channel: 'stable', stable: null, shadow: null, others: others(stable) },
    shadow: silent ?? null,
    others: others(entry),
  };
}

function isCanary(release, key) {
  const { canary } = release ?? {};
  return Boolean(canary) && !counted(key, canary.version)?.dropped && visitor() < canary.share;
}

/** A number from 0 to 1 that stays; 1, which is no share, where the browser keeps nothing. */
function visitor() {
  try {
    const kept = localStorage.getItem(NUMBER);
    if (/^\d{1,3}$/.test(kept ?? '')) return Number(kept) / STEPS;
    const drawn = crypto.getRandomValues(new Uint32Array(1))[0] % STEPS;
    localStorage.setItem(NUMBER, String(drawn));
    return drawn / STEPS;
  } catch {
    return 1;
  }
}

/** What this browser counted of all models, by model and version; never what was asked. */
export function counts() {
  try {
    const found = JSON.parse(localStorage.getItem(COUNTS));
    return found && typeof found === 'object' && !Array.isArray(found) ? found : {};
  } catch {
    return {};
  }
}

/** What it counted of one version. */
export const counted = (key, version) => {
  const all = counts();
  return Object.hasOwn(all, key) && Object.hasOwn(all[key] ?? {}, version) ? all[key][version] : null;
};

/** Change what is counted of a version, where the browser keeps anything. */
export function count(key, version, change) {
  const all = counts();
  const own = Object.hasOwn(all, key) ? all[key] : {};
  all[key] = { ...own, [version]: change({ ...(Object.hasOwn(own, version) ? own[version] : {}) }) };
  try {
    localStorage.setItem(COUNTS, JSON.stringify(all));
  } catch {
    // Site data is blocked or full: what is not kept is not counted.
  }
}

/** That a version on trial made way for the stable one here, and whether it was the network's fault. */
export function countDropped({ key, version, channel, stable }, error) {
  const name = error.name === 'Unserved' ? 'failed' : 'dropped'; // what is gone may be there the next time
  count(key, version, (own) => ({ ...own, channel, against: stable.version, [name]: (own[name] ?? 0) + 1 }));
}
