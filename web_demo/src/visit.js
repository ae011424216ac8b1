// What a visit was, in counts, for the owner of a site that was built with --report-to: loaded in no
// other. Nothing that a visitor gives or gets is in it, nor who that is; it is sent at most once,
// when the page is left, after the visitor could see the line with the switch.
//
// edge_deploy/web/monitoring/visit_report.py reads it, and says what each key is.

const SCHEMA = 'edge-deploy/visit/1';
const CHOICE = 'edge-deploy-report'; // kept: what the switch was set to
const SENT = 'edge-deploy-reported'; // kept while the tab is open: a visit may load the page again
const MOST = { models: 20, columns: 200, times: 1000, characters: 200 };

/**
 * @param {object} page {url: where it is sent, place: what the line is put in, t, el: the page's own,
 *   counts: what this browser counted of all versions, now and in former visits}
 * @returns {{opened, saw, broken, tells}} opened(facts) when a version of a model is there; saw(inputs,
 *   given) before it is asked, which gives {answered(ms), failed()}; broken(facts) when it does
 *   not come; tells() whether the visitor lets it be sent. facts: {key, version, channel, backend, check, first, stable, shadow, manifest, features,
 *   reference}
 */
export function begin({ url, place, t, el, counts }) {
  const before = counts();
  const visited = new Map(); // by model and version
  let current = null;
  let seen = document.visibilityState === 'visible';
  let sent = kept('sessionStorage', SENT) === 'yes';
  const box = shown();

  addEventListener('pagehide', send);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') seen = true;
    else send();
  });

  function opened(facts) {
    current = record(facts);
    if (!current) return;
    current.silent = silentOf(facts);
    Object.assign(current.told, { backend: facts.backend, check: facts.check ? 'pass' : 'fail' });
    current.told.first_ms ??= rounded(facts.first);
    current.ranges = rangesOf(facts);
  }

  function broken(facts) {
    current = null;
    const own = record(facts);
    if (own) Object.assign(own.told, { backend: 'none', check: 'fail' });
  }

  function record({ key, version, channel = 'stable' }) {
    if (channel === 'shadow') return null; // the address asked for it: nobody's visit
    const id = JSON.stringify([key, version, channel]);
    if (!visited.has(id)) {
      const told = { model: text(key), version: text(version), channel, first_ms: null };
      visited.set(id, { key, told, silent: null, answers: 0, failures: 0, times: [], columns: new Map(), ranges: [] });
    }
    return visited.get(id);
  }

  function saw(inputs, given) {
    const own = current;
    if (!own) return null;
    const counted = given && !again(own, inputs);
    if (counted) look(own, inputs);
    return {
      answered(ms) {
        if (own.times.length < MOST.times) own.times.push(ms);
        if (counted) own.answers += 1;
      },
      failed() {
        if (counted) own.failures += 1;
      },
    };
  }

  function send() {
    if (sent || !seen || !box?.checked || !visited.size) return;
    sent = true;
    keep('sessionStorage', SENT, 'yes');
    const asked = {
      method: 'POST',
      body: JSON.stringify(report(visited, before, counts())),
      headers: { 'Content-Type': 'text/plain' }, // JSON would make the browser ask beforehand
      keepalive: true,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    };
    fetch(url, asked).catch(() => {}); // the visitor has no harm of it
  }

  /** The line, with its switch and with what would be sent. */
  function shown() {
    const { host } = new URL(url);
    if (sent) {
      place.append(el('p', { id: 'report', className: 'quiet' }, t('report.sent', { host })));
      return null;
    }
    const wanted = kept('localStorage', CHOICE);
    const privately = navigator.globalPrivacyControl === true || navigator.doNotTrack === '1';
    const made = el('input', { type: 'checkbox', id: 'report-switch', role: 'switch' });
    made.checked = wanted ? wanted === 'yes' : !privately;
    made.onchange = () => keep('localStorage', CHOICE, made.checked ? 'yes' : 'no');
    const pre = el('pre', { tabIndex: 0 });
    const what = el('details', {}, el('summary', {}, t('report.what')), pre);
    what.ontoggle = () => {
      if (what.open) pre.textContent = JSON.stringify(report(visited, before, counts()), null, 1);
    };
    const label = el('label', {}, made, ' ', t('report.switch', { host }));
    place.append(el('div', { id: 'report', className: 'quiet' }, label, what));
    return made;
  }

  return { opened, saw, broken, tells: () => Boolean(box?.checked) && !sent };
}

/** What is asked in silence: its version, and under which version that is counted. */
function silentOf({ version, channel, stable, shadow }) {
  if (channel === 'canary' && stable) return { version: stable.version, counted: version, trial: true };
  return shadow ? { version: shadow.version, counted: shadow.version, trial: false } : null;
}

function report(visited, before, now) {
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0'));
  const models = [...visited.values()].slice(-MOST.models).map((one) => ({
    ...one.told,
    median_ms: median(one.times),
    answers: one.answers,
    failures: one.failures,
    dropped: dropped(one, before, now),
    shadow: shadow(one, before, now),
    columns: [...one.columns].map(([name, counts]) => ({ name, ...counts })),
  }));
  return { schema: SCHEMA, id: id.join(''), models };
}

/** What this visit added to what is counted of a version. */
function added(key, version, before, now) {
  const [old, own] = [before, now].map((of) => of[key]?.[version] ?? {});
  const by = (name) => Math.max(0, (own[name] ?? 0) - (old[name] ?? 0));
  return { own, by };
}

/** The version that was to answer, and was wrong on this device. */
function dropped({ key, told }, before, now) {
  const gone = Object.keys(now[key] ?? {}).find((version) => {
    const { own, by } = added(key, version, before, now);
    return own.channel === 'canary' && own.against === told.version && by('dropped');
  });
  return gone ? text(gone) : null;
}

/** How the version that is shown and the one that is asked in silence did beside each other. */
function shadow({ key, silent }, before, now) {
  if (!silent || !now[key]?.[silent.counted]) return null;
  const { own, by } = added(key, silent.counted, before, now);
  const compared = by('agreed') + by('differed');
  // Of a canary these are its own, and the stable version's are its own matter.
  const failures = silent.trial ? 0 : by('failed') + by('dropped');
  if (!compared && !failures) return null;
  return {
    version: text(silent.version),
    compared,
    agreed: by('agreed'),
    beyond: by('differed'),
    failures,
    median_ms: compared ? median(((silent.trial ? own.stable_ms : own.ms) ?? []).slice(-compared)) : null,
  };
}

/** What an input is held to: names, where its number is, and between what it lay in the reference. */
function rangesOf({ manifest, features, reference }) {
  if (manifest.inputs.length !== 1) return [];
  if (reference.pixels) {
    const found = Object.entries(reference.pixels);
    return found.map(([name, [low, high]]) => {
      const slack = 1e-6 * Math.max(Math.abs(low), Math.abs(high)); // of sums in another order
      return { name: `pixel ${name}`, low: low - slack, high: high + slack, of: (data) => moments(data)[name] };
    });
  }
  let at = 0;
  const found = [];
  for (const [n, { name, width }] of (features ?? []).entries()) {
    const range = reference.columns?.ranges[n];
    const place = at;
    if (range) {
      const [low, high] = [range.min, range.max].map(Math.fround);
      const called = manifest.features ? text(name) : `column ${n + 1}`;
      found.push({ name: called, low, high, of: (data) => data[place] });
    }
    at += width;
  }
  return found.slice(0, MOST.columns);
}

/** Whether a row is the one before: a field that is left and a button that is pressed ask twice. */
function again(own, inputs) {
  const [{ data }] = Object.values(inputs);
  if (data.length > 1000) return false; // no row of a form
  const before = own.last;
  own.last = data.join();
  return own.last === before;
}

/** Count where an input lies outside; what is missing lies nowhere. */
function look({ ranges, columns }, inputs) {
  const [{ data }] = Object.values(inputs);
  for (const { name, low, high, of } of ranges) {
    const value = of(data);
    if (!columns.has(name)) columns.set(name, { inputs: 0, outside: 0 });
    const counts = columns.get(name);
    counts.inputs += 1;
    if (value < low || value > high) counts.outside += 1;
  }
}

function moments(data) {
  let sum = 0;
  let squares = 0;
  for (const value of data) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / data.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / data.length - mean * mean)) };
}

function median(times) {
  if (!times.length) return null;
  const sorted = times.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return rounded((sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2);
}

const rounded = (ms) => (Number.isFinite(ms) ? Math.round(ms * 100) / 100 : null);

/** A name as the receiver takes it. */
function text(name) {
  const plain = String(name).replace(/[\x00-\x1f\x7f-\x9f]/g, '\ufffd');
  return [...plain].slice(0, MOST.characters).join('') || '?';
}

function kept(storage, key) {
  try {
    return globalThis[storage].getItem(key);
  } catch {
    return null; // site data is blocked
  }
}

function keep(storage, key, value) {
  try {
    globalThis[storage].setItem(key, value);
  } catch {
    // This load of the page knows.
  }
}
