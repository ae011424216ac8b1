// The flow of the page: which model, on what, ready or not, ask, show.
import * as address from './address.js';
import { countDropped, counted as countsOf, counts, lacks, readReleases, visitorsModels } from './channels.js';
import { asDocument, isFixed, pictureInput, rowInput, tensorInput } from './inference.js';
import { el } from './dom.js';
import { widthOf } from './features.js';
import { exchangeable } from './exchangeable.js';
import { json } from './fetching.js';
import * as frame from './framed.js';
import { count as countOf, time } from './format.js';
import { chooseLanguage, keepLanguage, t } from './i18n.js';
import { RUNTIMES, useKernels } from './model.js';
import { keepOffline, keepVersion } from './offline.js';
import { openVersion } from './other_version.js';
import { SITE, load as loadModule, placeOf } from './paths.js';
import { checkSize } from './picture_size.js';
import { decode } from './preprocess.js';
import { describe } from './reference.js';
import { remember, remembered } from './remembered.js';
import { openChecked, standIns } from './select-backend.js';
import { PageError, words } from './errors.js';
import { forecastOf } from './series.js';
import { unnamedFeatures } from './unnamed_features.js';
import { answer, history, summaries, waiting, withAnswer } from './view/answer.js';
import { cardView } from './view/card.js';
import * as head from './view/header.js';
import { controlsFor, showInputs } from './view/inputs.js';

const root = document.documentElement;
const site = new URL('models/', SITE);
const FEWEST_PICTURES = 10; // of fewer nobody knows what is unlike them

let current = null; // {entry, file, manifest, reference, model, leave, asked}
let loading = null; // {entry, controller} of the load that goes on
let asking = null; // {waiting, done} while answers are computed: only the latest question counts
let past = [];
let visit = null; // a promise of what counts this visit, where the owner of the site asked for it
let counting = null; // the same when it is there
const dropped = new Set(); // entries of versions on trial that do not work here
const WATCH = 300_000; // milliseconds between two looks at releases.json

start();

async function start() {
  frame.begin();
  const there = whatThereIs(); // beside the words
  there.catch(() => {}); // told below
  await chooseLanguage(address.get('lang'), head.languages());
  head.languageChoice((code) => {
    keepLanguage(code);
    address.reload({ lang: code });
  });
  let index;
  let releases;
  try {
    [index, releases] = await there;
  } catch {
    nothing(t('error.nothing'));
    return;
  }
  useKernels(index.kernels);
  const models = visitorsModels(index.models, releases, address.get('channel'));
  head.page({ ...index, models });
  if (address.has('selftest')) {
    const { selftest } = await import('./selftest.js');
    await selftest(index, document.querySelector('main'));
    return;
  }
  countVisit(index.page?.report_to);
  head.gallery(models, (chosen) => {
    address.forget('file', 'row');
    load(chosen, null, address.get('backend') ?? 'auto');
  });
  address.onMove(() => follow(models));
  await follow(models);
  // Last: pictures and what is kept must not delay what is waited for.
  head.faces();
  keepOffline(index, {
    full: () => head.note(t('error.storage')),
    newer: () => head.note(t('state.newer')),
  });
  if (current?.entry.release?.versions.length > 1) await keepVersion(current.entry);
  if (releases) watch(index.models);
}

/** The index and releases.json; this copy of the index may be of before a version was published. */
async function whatThereIs() {
  const url = new URL('index.json', site);
  const begun = globalThis.siteIndex; // by preload.js
  const [index, releases] = await Promise.all([(await begun) ?? json(url), readReleases()]);
  if (!lacks(index.models, releases)) return [index, releases];
  return [await json(url, { cache: 'no-store' }).catch(() => index), releases];
}

/** Say it when another version than the one that is shown answers this visitor from now on. */
function watch(versions) {
  const look = async () => {
    const shown = current?.entry;
    const releases = document.hidden || !shown ? null : await readReleases();
    const now = releases?.models.find(({ name }) => name === shown.key);
    if (!now || JSON.stringify(now) === JSON.stringify(shown.release)) return;
    const models = visitorsModels(versions, releases, address.get('channel'));
    const known = lacks(versions, releases) ? now.stable : models.find(({ key }) => key === shown.key)?.version;
    if (known !== shown.version && shown.key === current?.entry.key) {
      head.note(t('release.changed', { version: known, shown: shown.version }));
    }
  };
  document.addEventListener('visibilitychange', look);
  setInterval(look, WATCH);
}

function countVisit(url) {
  if (!url) return;
  visit = import('./visit.js').then(({ begin }) => {
    counting = begin({ url, place: document.getElementById('about'), t, el, counts });
    return counting;
  });
  visit.catch(() => {}); // a visit that nobody counts
}

/** Load what the address names. */
async function follow(models) {
  const wanted = address.get('model');
  const entry = wanted ? models.find(({ key, name }) => [key, name].includes(wanted)) : models[0];
  const loaded = entry
    ? load(entry, address.get('file'), address.get('backend') ?? 'auto')
    : nothing(t('error.unknown', { name: wanted }));
  address.arrived();
  await loaded;
}

/** What was loaded or is still loading makes way. */
function leave() {
  loading?.controller.abort();
  current?.leave();
  current?.model.dispose();
  current = null;
  past = [];
  head.clear();
}

async function load(wanted, path, wantedBackend) {
  const entry = dropped.has(wanted) ? wanted.stable : wanted;
  leave();
  const controller = new AbortController();
  loading = { entry, controller };
  const file = entry.files.find((one) => one.file === path) ?? entry.files.find((one) => one.file === entry.file);
  const { backends } = RUNTIMES[file.target];
  const backend = backends.includes(wantedBackend) ? wantedBackend : 'auto';
  root.dataset.state = 'loading';
  delete root.dataset.thread;
  address.remember(entry, file, backend);
  const again = () => load(entry, file.file, backend);
  head.loading(entry, file, () => {
    controller.abort();
    root.dataset.state = 'stopped';
    head.failed(t('state.stopped'), again);
  });
  choices(entry, file, backend);
  try {
    await prepare(entry, file, backend, controller.signal);
  } catch (error) {
    if (controller.signal.aborted) return;
    if (entry.stable && file.file === entry.file) {
      await instead(entry, error, backend);
      return;
    }
    visit?.then((own) => own.broken(entry), () => {});
    fail(t('error.model', { model: entry.key, detail: words(error) }), again);
  }
}

/** A version on trial that does not run here, or is wrong, makes way for the stable one. */
async function instead(entry, error, backend) {
  dropped.add(entry);
  countDropped(entry, error);
  await load(entry.stable, null, backend);
  head.note(t('release.dropped', { version: entry.version, stable: entry.stable.version }));
}

/** Let the visitor choose another file, or what this one runs on. */
function choices(entry, file, backend) {
  head.choices(entry, file, RUNTIMES[file.target].backends, backend, {
    file: (chosen) => load(entry, chosen, backend),
    backend: (chosen) => load(entry, file.file, chosen),
  });
}

async function prepare(entry, wanted, backend, signal) {
  const started = performance.now();
  const described = describe(entry);
  const form = described.then(async ({ manifest }) => {
    const features = manifest.features ?? unnamedFeatures(manifest);
    return { features, controls: await controlsFor(manifest, features) }; // its code comes beside the model
  });
  form.catch(() => {}); // told when it is waited for
  const listed = Promise.resolve(entry.rows ? json(placeOf(entry, entry.rows)) : []);
  listed.catch(() => {}); // told when it is waited for
  const automatic = backend === 'auto' && wanted.file === entry.file;
  const first = automatic ? remembered(entry) : null;
  const place = { entry, described, signal, first };
  const factsOf = (one) =>
    described.then(
      ({ manifest }) => {
        if (signal.aborted) return;
        head.facts(entry, one, manifest);
      },
      () => {}, // told by what waits for it
    );
  factsOf(wanted);
  const files = [wanted, ...standIns(entry, wanted)];
  const opened = await openChecked(files, backend, place, {
    starting: (way) => head.status(t('state.backend', { backend: t(`backend.${way.backend}`) })),
    progress: (state) => head.progress(state),
    checking() {
      head.progress(null);
      head.status(t('state.checking'));
    },
    fell(from, to) {
      if (first) remember(entry, null); // it is not right any longer
      const another = from.file !== to.file;
      const name = (way) => (another ? head.fileName(way.file) : t(`backend.${way.backend}`));
      if (another) {
        choices(entry, to.file, 'auto');
        factsOf(to.file);
      }
      head.note(t('state.fallback', { from: name(from), to: name(to) }));
    },
  });
  const { file, check, each } = opened;
  const model = exchangeable(opened.model);
  const [{ manifest, reference }, { features, controls }, rows] = await Promise.all([described, form, listed]);
  if (signal.aborted) {
    model.dispose();
    return;
  }
  if (entry.stable && file.file === entry.file && !check.pass && !check.refused) {
    model.dispose();
    throw new Error(`its answers are off by ${check.worst}`);
  }
  head.check(check, file, manifest, model.backend);
  const shown = { entry, file, manifest, reference, features, rows };
  current = { ...shown, model, leave() {} };
  waiting();
  current.acts = acts(current);
  const made = showInputs({ ...shown, row: address.row() }, controls, current.acts);
  cardView(shown);
  const own = current;
  own.leave = () => {
    made.leave();
    own.beside?.leave();
    own.compared?.leave();
    own.several?.leave();
    leaveWhy(own);
  };
  const widths = features?.map((feature) => ({ name: feature.name, width: widthOf(feature) }));
  const facts = { ...entry, backend: model.backend, check: check.pass, first: performance.now() - started };
  visit?.then((told) => told.opened({ ...facts, manifest, reference, features: widths }), () => {});
  head.ready(model.backend, each, check.pass);
  if (entry.release?.versions.length > 1 || countsOf(entry.key, entry.version)) beside(own);
  part(own, import('./view/quality.js'), ({ qualityView }) => qualityView(shown));
  const later = idle(); // the first answer and its form come before what is below them
  part(own, later.then(() => import('./view/compare.js')), ({ compareView }) => (own.compared = compareView(shown, own.acts)));
  own.marks = part(own, later.then(() => import('./view/marks.js')), ({ marksView }) =>
    marksView(shown, { isOpen: () => own === current, trouble }),
  );
  const told = (trouble) => own === current && trouble === 'storage-full' && head.note(t('error.storage'));
  model.trouble().then(told, () => {}); // what ended with the model says nothing
  made.begin?.();
  Object.assign(root.dataset, {
    backend: model.backend,
    model: entry.key,
    file: file.file,
    check: check.pass ? 'pass' : 'fail',
    state: check.pass ? 'ready' : 'error',
  });
  if (check.pass) settle(own, { ...opened, backend: model.backend }, signal, automatic && !first);
}

/** Once the page is idle: the fastest way of this device, and the nearest thread. */
async function settle(own, now, signal, measure) {
  await idle();
  const ways = await import('./fastest.js').catch(() => null); // the page works without it
  if (ways && measure) await keepFastest(ways.fastest, own, now, signal);
  const stays = ways && own.file === now.file;
  const model = stays ? await ways.nearer(own.entry, now, { ...own, signal }).catch(() => null) : null;
  if (signal.aborted || own !== current) {
    model?.dispose();
    return;
  }
  if (model) own.model.exchange(model);
  root.dataset.thread = model ? 'page' : 'worker';
}

/** Once the page is idle, see what else this device has, and keep the fastest for the next visit. */
async function keepFastest(fastest, own, now, signal) {
  const way = await fastest(own.entry, now, own.model, { ...own, signal }).catch(() => null);
  if (signal.aborted || own !== current) {
    way?.model.dispose();
    return;
  }
  remember(own.entry, way ?? now);
  root.dataset.measured = way ? 'exchanged' : 'kept';
  if (!way) return;
  own.model.exchange(way.model);
  own.file = way.file;
  choices(own.entry, way.file, 'auto');
  head.facts(own.entry, way.file, own.manifest);
  Object.assign(root.dataset, { backend: way.model.backend, file: way.file.file });
}

const idle = () => new Promise((done) => {
  (globalThis.requestIdleCallback ?? ((act) => setTimeout(act, 200)))(done, { timeout: 2000 });
});

/** The other versions of the model: code that most sites have no use for. */
async function beside(own) {
  try {
    const { releasesView } = await loadModule('src/releases.js');
    const tells = (await visit)?.tells();
    const made = releasesView(own, { t, time, number: countOf, openVersion, reported: Boolean(visit), tells });
    if (own !== current) {
      made.leave();
      return;
    }
    own.beside = made;
    if (own.latest) made.asked(own.latest); // what was answered before this code was there
  } catch {
    // The page works without it.
  }
}

/** Code of the page that nobody waits for, once it is there. */
function part(own, coming, use) {
  return coming.then(
    (module) => own === current && use(module),
    (error) => own === current && head.note(t('error.part', { detail: words(error) })),
  );
}

/** What the controls of a model can call. */
function acts(own) {
  const guarded = (make, more) => {
    try {
      return ask({ inputs: make(own), make, ...more });
    } catch (error) {
      trouble(error);
      return null;
    }
  };
  return {
    async file(blob, what) {
      const picture = await decoded(blob);
      const make = (model) => pictureInput(model.manifest, picture);
      if (own === current) ask({ inputs: make(own), make, what, picture, blob });
      return picture;
    },
    picture: (picture, more) => guarded((model) => pictureInput(model.manifest, picture), { ...more, picture }),
    row(row, more) {
      if (!more.live) address.keepRow(row);
      return guarded((model) => rowInput(model.manifest, model.features, row), { ...more, row });
    },
    quiet: async (make) => counted(own, make(own)),
    tensors: (tensors, more) => guarded((model) => tensorInput(model.manifest, tensors), more),
    mixed: (picture, others, tensors, more) =>
      guarded((model) => ({ ...pictureInput(model.manifest, picture), ...tensorInput({ inputs: others }, tensors) }), more),
    decoded,
    several(source, other = null) {
      part(own, import('./view/own_data.js'), ({ ownData }) => {
        own.several?.leave();
        own.several = ownData(own, source, this, other);
      });
    },
    sample(n, told) {
      const { inputs, outputs } = own.reference.samples[n];
      return ask({ inputs, original: outputs, what: t('table.sample', { n: n + 1 }), told });
    },
    trouble,
    words,
  };
}

async function decoded(blob) {
  try {
    await checkSize(blob);
    return await decode(blob);
  } catch (error) {
    throw new PageError(error.name === 'TooLarge' ? 'picture.large' : 'picture.bad');
  }
}

/**
 * The outputs, which the counts of the visit are told of.
 * @param {object} own the model
 * @param {object} inputs what it is asked
 * @param {boolean} given whether the visitor gave it: a slider on its way and a sample are none
 */
async function counted(own, inputs, given = true) {
  const one = counting?.saw(inputs, given); // now: a model takes what it is given
  const started = performance.now();
  try {
    const outputs = await own.model.predict(inputs);
    one?.answered(performance.now() - started);
    return outputs;
  } catch (error) {
    one?.failed();
    throw error;
  }
}

/** An answer to the latest question; one that was overtaken is never computed. */
function ask(question) {
  if (asking) {
    asking.waiting = question;
    return asking.done;
  }
  const mine = { waiting: question, done: null };
  asking = mine;
  mine.done = (async () => {
    while (mine.waiting) {
      const next = mine.waiting;
      mine.waiting = null;
      await answerOne(next);
    }
    asking = null;
  })();
  return mine.done;
}

async function answerOne(question) {
  const { inputs, make, original = null, warning = null, what = '', live = false, row = null, told } = question;
  const { keep = !live } = question; // a form that is being filled in asks more than a person does
  const { picture = null, blob = null } = question;
  const asked = current;
  if (!asked) return;
  try {
    const kept = structuredClone(inputs); // the model takes what it is given
    const started = performance.now();
    const outputs = await counted(asked, inputs, !live && !original);
    const took = performance.now() - started;
    if (asked !== current) return;
    const specs = asked.manifest.outputs;
    const document = asDocument(asked, specs, outputs, what, row);
    leaveWhy(asked);
    const seen = picture && unseen(asked, kept);
    asked.asked = { inputs: kept, outputs, row, picture, blob, what };
    const act = { link: () => location.href, more: [...whyButton(asked), ...markButtons(asked)] };
    const more = { ranges: rangesOf(asked), titles: titlesOf(asked) };
    answer(specs, outputs, { original, warning: warning || seen, live, document, act, ...more });
    told?.(outputs);
    frame.answered(asked, outputs);
    if (make) {
      asked.latest = { make, outputs, took };
      asked.beside?.asked(asked.latest);
    }
    head.status(t('state.answered', { time: time(took), backend: t(`backend.${asked.model.backend}`) }));
    if (keep) {
      past = withAnswer(past, { what, row, words: summaries(specs, outputs) });
      history(past);
    }
  } catch (error) {
    if (asked === current) trouble(new PageError('error.answer', { detail: words(error) }));
  }
}

/** How a picture differs from all that the model was checked with, in words; null where it does not. */
function unseen({ manifest, reference: { pixels } }, inputs) {
  const { samples, origin } = manifest.reference;
  if (!pixels || origin !== 'user' || samples < FEWEST_PICTURES) return null;
  const [{ data }] = Object.values(inputs);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  const ways = Object.entries({ mean, deviation }).flatMap(([name, value]) => {
    const [low, high] = pixels[name];
    const margin = (high - low) / 4; // a few samples are not all there is
    if (value < low - margin) return [t(`picture.${name}.low`)];
    return value > high + margin ? [t(`picture.${name}.high`)] : [];
  });
  return ways.length ? t('picture.unseen', { ways: ways.join(t('picture.and')) }) : null;
}

/** The button that explains the last answer, where there is something to explain. */
function whyButton(own) {
  const { manifest, features, asked } = own;
  const one = (name) => asked.outputs[name].data.length === 1;
  const changeable = (manifest.preprocessing || (features && asked.row)) && manifest.inputs.length === 1;
  const told = manifest.outputs.some(({ kind, name }) => /^(prob|class)/.test(kind) || one(name));
  if (!changeable || !told) return [];
  const onclick = () =>
    part(own, import('./view/why.js'), ({ whyView }) => {
      leaveWhy(own);
      own.why = whyView(own, own.asked);
    });
  return [el('button', { type: 'button', id: 'ask-why', className: 'plain', onclick }, t('why.ask'))];
}

/** Buttons that say whether the last answer is right, where its input can be kept. */
function markButtons(own) {
  const { manifest, asked } = own;
  const classes = manifest.outputs.some(({ kind }) => /^(prob|class)/.test(kind));
  const one = manifest.inputs.length === 1;
  const pictures = manifest.preprocessing && one;
  const values = !pictures && manifest.outputs.some(({ kind, name }) => kind === 'value' && asked.outputs[name].data.length === 1);
  const blob = (asked.blob || asked.picture) && classes;
  const given = pictures ? blob : own.features && one ? asked.row : isFixed(manifest);
  if (!given || !(classes || values)) return [];
  return ['right', 'wrong'].map((kind) => {
    const onclick = () => own.marks.then((marks) => marks?.mark(own.asked, kind === 'right'));
    return el('button', { type: 'button', id: `mark-${kind}`, className: 'plain', onclick }, t(`marks.${kind}`));
  });
}

function leaveWhy(own) {
  own.why?.leave();
  own.why = null;
}

/** What an output is called where its own name says less: what comes next in a series. */
function titlesOf({ manifest }) {
  const found = forecastOf(manifest);
  return found ? { [found.name]: t('series.next', { channel: manifest.series.target }) } : {};
}

/** Between what numbers the original's answers lie, and over which samples, in words. */
function rangesOf({ manifest, reference: { answers } }) {
  if (!answers) return null;
  return { samples: head.samplesOf(manifest, answers.samples), ranges: answers.ranges };
}

/** Words in place of an answer: an old one must not look like the new. */
function trouble(error) {
  head.status(words(error), true);
  waiting(words(error));
}

function nothing(message) {
  leave();
  root.dataset.state = 'error';
  head.nothing(message);
}

function fail(message, again = null) {
  root.dataset.state = 'error';
  head.failed(message, again);
}
