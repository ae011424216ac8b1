// The versions of a model beside the one that is shown: the shadow, asked in silence, and a table of
// what this browser has counted. Loaded only where a site has several versions; what it needs of the
// page it is given, so that it is a file of its own.
import { count, counts } from './channels.js';
import { el } from './dom.js';

/** Numbers of two versions agree when they differ by no more than this share of the output's scale. */
export const TOLERANCE = 0.01;
const WAITING = 8; // questions that wait for the shadow; more are not asked
const TIMES = 50; // answers whose milliseconds are kept, for the median

/**
 * The section of the page, and the shadow at work.
 * @param {{entry, manifest, reference}} own what is shown
 * @param {object} tools the page's functions: t, time, number, openChecked, standIns, describe, unnamedFeatures
 * @returns {{asked, leave}} asked({make, outputs, took}) is told of every answer: `make` gives the same
 *   inputs for another version
 */
export function releasesView(own, tools) {
  const section = document.getElementById('releases');
  const show = () => section.replaceChildren(...shown(own.entry, tools));
  const shadow = own.entry.shadow ? silent(own, tools, show) : null;
  show();
  section.hidden = false;
  return {
    asked: (question) => shadow?.asked(question),
    leave: () => shadow?.leave(),
  };
}

/** Ask the shadow version what the stable one was asked, when the page has nothing else to do. */
function silent({ entry, manifest, reference }, tools, told) {
  const { shadow } = entry;
  const controller = new AbortController();
  const { signal } = controller;
  let waiting = [];
  let opening = null;
  let busy = false;
  const change = (more) => {
    count(entry.key, shadow.version, (own) => {
      const next = { ...own, channel: 'shadow', against: entry.version };
      for (const [name, by] of Object.entries(more)) {
        next[name] = Array.isArray(by) ? [...(own[name] ?? []), ...by].slice(-TIMES) : (own[name] ?? 0) + by;
      }
      return next;
    });
    told();
  };

  async function opened() {
    const described = tools.describe(shadow);
    const file = shadow.files.find((one) => one.file === shadow.file);
    const nothing = () => {};
    const quiet = { starting: nothing, progress: nothing, checking: nothing, fell: nothing };
    const place = { entry: shadow, described, signal };
    const { model, check } = await tools.openChecked([file, ...tools.standIns(shadow, file)], 'auto', place, quiet);
    if (!check.pass && !check.refused) {
      model.dispose();
      throw new Error('it is wrong on this device');
    }
    const { manifest: of } = await described;
    return { model, manifest: of, features: of.features ?? tools.unnamedFeatures(of) };
  }

  async function ask({ make, outputs, took }) {
    let other;
    try {
      other = await (opening ??= opened());
    } catch (error) {
      waiting = [];
      if (!signal.aborted && opening) change({ [error.name === 'Unserved' ? 'failed' : 'dropped']: 1 });
      opening = Promise.reject(error); // once is enough
      opening.catch(() => {});
      controller.abort();
      return;
    }
    try {
      const inputs = make(other);
      const started = performance.now();
      const answers = await other.model.predict(inputs, { signal });
      const ms = Math.round((performance.now() - started) * 10) / 10;
      const same = agree(manifest.outputs, outputs, other.manifest.outputs, answers, reference.whole);
      change({ asked: 1, [same ? 'agreed' : 'differed']: 1, ms: [ms], stable_ms: [Math.round(took * 10) / 10] });
    } catch {
      if (!signal.aborted) change({ asked: 1, failed: 1 });
    }
  }

  async function work() {
    while (waiting.length && !signal.aborted) await ask(waiting.shift());
    busy = false;
  }

  return {
    asked(question) {
      if (signal.aborted) return;
      waiting = [...waiting, question].slice(-WAITING);
      if (busy) return;
      busy = true;
      (globalThis.requestIdleCallback ?? ((run) => setTimeout(run, 200)))(work, { timeout: 2000 });
    },
    leave() {
      controller.abort();
      opening?.then(({ model }) => model.dispose(), () => {});
    },
  };
}

/**
 * Whether two versions give one answer: the same class, or numbers that are near to each other.
 * @param {Array} specs the outputs of one, as in its manifest; others those of the other
 * @param {object} whole the scale of each output over the reference
 */
export function agree(specs, outputs, others, answers, whole) {
  const both = specs.filter(({ name }) => others.some((one) => one.name === name) && answers[name]);
  const told = both.some(({ kind }) => /^(class|probabilit)/.test(kind))
    ? both.filter(({ kind }) => /^(class|probabilit)/.test(kind))
    : both;
  return told.length > 0 && told.every((spec) => {
    const other = others.find(({ name }) => name === spec.name);
    const [mine, theirs] = [outputs[spec.name].data, answers[spec.name].data];
    if (/^(class|probabilit)/.test(spec.kind)) return winner(spec, mine) === winner(other, theirs);
    const near = TOLERANCE * (whole[spec.name]?.scale ?? 1);
    return mine.length === theirs.length && mine.every((value, n) => Math.abs(value - theirs[n]) <= near);
  });
}

/** The answer of a classifier, by the name of its class. */
function winner({ kind, classes }, data) {
  let best = Number(data[0]);
  if (kind === 'probability') best = data[0] >= 0.5 ? 1 : 0;
  if (kind === 'probabilities') best = data.reduce((found, value, n) => (value > data[found] ? n : found), 0);
  return classes?.[best] ?? String(best);
}

/** The table of versions, and what was counted of each. */
function shown(entry, { t, time, number }) {
  const { release } = entry;
  const own = counts()[entry.key] ?? {};
  const rows = [...(release?.versions ?? [entry.version])].reverse().map((version) => {
    const of = own[version] ?? {};
    const cells = ['asked', 'agreed', 'differed', 'failed', 'dropped'].map((name) =>
      el('td', { className: 'number', 'data-count': name }, number(of[name] ?? 0)),
    );
    const ms = [of.ms, of.stable_ms].map((times) => (times?.length ? time(median(times)) : '–'));
    const named = version === entry.version ? t('release.shown', { version }) : version;
    return el(
      'tr',
      { 'data-version': version },
      el('th', { scope: 'row' }, named),
      el('td', {}, channelOf(release, version, t, number)),
      ...cells,
      el('td', { className: 'number' }, ms[0] === '–' ? '–' : t('release.times', { shadow: ms[0], stable: ms[1] })),
    );
  });
  const columns = ['version', 'channel', 'asked', 'agreed', 'differed', 'failed', 'dropped', 'median'];
  const heads = columns.map((name, n) => el('th', { scope: 'col', className: n > 1 ? 'number' : '' }, t(name === 'dropped' ? 'release.dropped.times' : `release.${name}`)));
  const table = el('table', {}, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...rows));
  const region = { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': t('release.title') };
  const copied = el('span', { className: 'quiet', role: 'status' });
  const document = { schema: 'edge-deploy/release-counts/1', model: entry.key, shown: entry.version, channel: entry.channel, counts: own };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(document, null, 1));
      copied.textContent = t('release.copied');
    } catch {
      copied.textContent = t('release.uncopied');
    }
  };
  return [
    el('h3', { id: 'releases-title' }, t('release.title')),
    el('p', { className: 'quiet' }, t('release.about', { percent: number(TOLERANCE * 100) })),
    el('div', region, table),
    el('div', { className: 'tools' }, el('button', { type: 'button', id: 'releases-copy', onclick: copy }, t('release.copy')), copied),
  ];
}

function channelOf(release, version, t, number) {
  if (version === release?.stable) return t('channel.stable');
  if (version === release?.canary?.version) return t('channel.canary', { percent: number(release.canary.share * 100) });
  return version === release?.shadow ? t('channel.shadow') : t('channel.kept');
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
