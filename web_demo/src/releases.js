// The versions of a model beside the one that is shown: the shadow, asked in silence (or the stable
// version beside a canary, where the owner is told of it), and a table of what this browser has counted. Loaded only where a site has several versions; what it needs of the
// page it is given, so that it is a file of its own.
import { agree, TOLERANCE } from './agreement.js';
import { count, counts } from './channels.js';
import { el } from './dom.js';

const WAITING = 8; // questions that wait for the shadow; more are not asked
const TIMES = 50; // answers whose milliseconds are kept, for the median

/**
 * The section of the page, and the shadow at work.
 * @param {{entry, manifest, reference}} own what is shown
 * @param {object} tools the page's functions: t, time, number, openVersion; `reported` where the owner of
 *   the site asked for counts, `tells` where this visitor lets them be sent
 * @returns {{asked, leave}} asked({make, outputs, took}) is told of every answer: `make` gives the same
 *   inputs for another version
 */
export function releasesView(own, tools) {
  const section = document.getElementById('releases');
  const show = () => section.replaceChildren(...shown(own.entry, tools));
  const { channel, shadow, stable } = own.entry;
  const other = shadow ?? (channel === 'canary' && tools.tells ? stable : null);
  const asked = other && silent(own, other, tools, show);
  show();
  section.hidden = false;
  return {
    asked: (question) => asked?.asked(question),
    leave: () => asked?.leave(),
  };
}

/** Ask the other version what the one that is shown was asked, when the page has nothing else to do. */
function silent({ entry, manifest, reference }, other, tools, told) {
  const trial = other === entry.stable; // counted is the version that is new, seen or not
  const [counted, against] = trial ? [entry, other] : [other, entry];
  const controller = new AbortController();
  const { signal } = controller;
  let waiting = [];
  let opening = null;
  let busy = false;
  const change = (more) => {
    count(entry.key, counted.version, (own) => {
      const next = { ...own, channel: trial ? 'canary' : 'shadow', against: against.version };
      for (const [name, by] of Object.entries(more)) {
        next[name] = Array.isArray(by) ? [...(own[name] ?? []), ...by].slice(-TIMES) : (own[name] ?? 0) + by;
      }
      return next;
    });
    told();
  };

  async function ask({ make, outputs, took }) {
    let opened;
    try {
      opened = await (opening ??= tools.openVersion(other, signal));
    } catch (error) {
      waiting = [];
      if (!signal.aborted && opening && !trial) change({ [error.name === 'Unserved' ? 'failed' : 'dropped']: 1 });
      opening = Promise.reject(error); // once is enough
      opening.catch(() => {});
      controller.abort();
      return;
    }
    try {
      const inputs = make(opened);
      const started = performance.now();
      const answers = await opened.model.predict(inputs, { signal });
      const each = [performance.now() - started, took].map((ms) => [Math.round(ms * 10) / 10]);
      const [ms, stable_ms] = trial ? each.reverse() : each;
      const same = agree(manifest.outputs, outputs, opened.manifest.outputs, answers, reference.whole);
      change({ asked: 1, [same ? 'agreed' : 'differed']: 1, ms, stable_ms });
    } catch {
      if (!signal.aborted && !trial) change({ asked: 1, failed: 1 });
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

/** The table of versions, and what was counted of each. */
function shown(entry, { t, time, number, reported }) {
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
    el('p', { className: 'quiet' }, t(reported ? 'release.about.reported' : 'release.about', { percent: number(TOLERANCE * 100) })),
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
