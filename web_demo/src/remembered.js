// Which way of a model was the fastest on this device.
import { RUNTIMES } from './runtimes/table.js';

const KEPT = 'edge-deploy-fastest';
const MOST = 50; // models that are remembered

/** The way that was the fastest here before: {file, backend}, or null. */
export function remembered(entry) {
  const way = kept()[keyOf(entry)];
  const file = way && entry.files.find((one) => one.file === way.file);
  return file && RUNTIMES[file.target].backends.includes(way.backend) ? { file, backend: way.backend } : null;
}

/** Keep a way for the next visit; null forgets it. */
export function remember(entry, way) {
  const { [keyOf(entry)]: _, ...others } = kept();
  const rest = Object.entries(others).slice(1 - MOST);
  const own = way ? [[keyOf(entry), { file: way.file.file, backend: way.backend }]] : [];
  try {
    localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries([...rest, ...own])));
  } catch {
    // Site data is blocked: it is measured again.
  }
}

/** Of one content and version of a model, whatever site it is on. */
function keyOf({ file, files, version }) {
  const { parts } = files.find((one) => one.file === file);
  return `${parts.map(({ sha256 }) => sha256.slice(0, 12)).join('')} ${version}`;
}

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? '{}');
    return found && typeof found === 'object' ? found : {};
  } catch {
    return {};
  }
}
