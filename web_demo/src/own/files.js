// Pictures that a visitor has: files, folders that were dropped, and zips, one after another, so that
// memory does not grow with their number. Whatever a zip holds, it is read within bounds.
import { count } from '../format.js';
import { load } from '../paths.js';
import { t } from '../i18n.js';

const MOST_FILES = 20_000;
const MOST_BYTES = 50e6; // of one picture, unpacked
const MOST_UNPACKED = 4e9; // of a whole zip
const SLICE = 32_768; // bytes of a zip at a time, which can become a thousand times as many
const PICTURE = /\.(jpe?g|png|gif|bmp|webp|avif|jfif|tiff?)$/i;
const HIDDEN = /(^|\/)(\.|__MACOSX(\/|$))/;

/**
 * Each picture in turn.
 * @param {File[]} files pictures and zips
 * @param {?Array<FileSystemEntry>} entries of a drop that has folders; they take the place of files
 * @param {{total: Function, read: Function, remark: Function}} tell total(count) where it is known,
 *   read(share) of a zip, remark(words) for what is left out
 * @returns {AsyncGenerator<{path: string, open: () => Promise<Blob>}>}
 */
export async function* pictures(files, entries, tell) {
  const all = entries ? await walked(entries, tell) : files.map((file) => ({ path: pathOf(file), file }));
  const zips = all.filter(({ path }) => /\.zip$/i.test(path));
  const chosen = all.length > 1 && all.some(({ path }) => path.includes('/')); // a folder has other files, too
  const plain = all.filter(({ path }) => !/\.zip$/i.test(path) && !HIDDEN.test(path) && (!chosen || PICTURE.test(path)));
  if (!zips.length) tell.total(plain.length);
  for (const { path, file, entry } of plain) {
    yield { path, open: async () => file ?? new Promise((resolve, reject) => entry.file(resolve, reject)) };
  }
  for (const { file, entry } of zips) {
    yield* unzipped(file ?? (await new Promise((resolve, reject) => entry.file(resolve, reject))), tell);
  }
}

/** The folder that a picture lies in, which may be its class. */
export const folderOf = (path) => path.split('/').at(-2) ?? '';

const pathOf = (file) => file.webkitRelativePath || file.name;

async function walked(entries, tell) {
  const found = [];
  const queue = [...entries];
  while (queue.length && found.length < MOST_FILES) {
    const entry = queue.shift();
    if (entry.isFile) found.push({ path: entry.fullPath.replace(/^\//, ''), entry });
    else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // 100 at a time
        if (!some.length) break;
        queue.push(...some);
        if (queue.length > MOST_FILES) break;
      }
    }
  }
  if (queue.length) tell.remark(t('own.many', { count: count(MOST_FILES) }));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The pictures of a zip, as it is read: none is kept, and nothing is written anywhere. */
async function* unzipped(file, tell) {
  const { Unzip, UnzipInflate } = await load('vendor/zip.js');
  const ready = [];
  const told = { unsafe: 0, entries: 0, unpacked: 0, over: null };
  const unzip = new Unzip();
  unzip.register(UnzipInflate);
  unzip.onfile = (entry) => {
    told.entries += 1;
    if (told.entries > MOST_FILES) told.over ??= t('own.zip.many', { count: count(MOST_FILES) });
    const path = entry.name.replaceAll('\\', '/');
    if (told.over || path.endsWith('/') || HIDDEN.test(path.replace(/^(\.\.\/)+/, '')) || !PICTURE.test(path)) return;
    if (/(^|\/)\.\.(\/|$)|^\/|^[a-z]:|[\0-\x1f]/i.test(path)) {
      told.unsafe += 1;
      return;
    }
    const parts = [];
    let size = 0;
    entry.ondata = (error, chunk, final) => {
      if (told.over) return;
      if (error) {
        ready.push({ path, open: () => Promise.reject(error) });
        return;
      }
      size += chunk.length;
      told.unpacked += chunk.length;
      if (size > MOST_BYTES) told.over = t('own.zip.large', { name: path, size: MOST_BYTES / 1e6 });
      else if (told.unpacked > MOST_UNPACKED) told.over = t('own.zip.whole', { size: MOST_UNPACKED / 1e9 });
      else {
        parts.push(chunk);
        if (final) ready.push({ path, open: async () => new Blob(parts) });
      }
    };
    entry.start();
  };
  let at = 0;
  while (at < file.size && !told.over) {
    const slice = new Uint8Array(await file.slice(at, at + SLICE).arrayBuffer());
    at += slice.length;
    try {
      unzip.push(slice, at >= file.size);
    } catch (error) {
      told.over ??= t('own.zip.bad', { detail: error.message });
    }
    tell.read(at / file.size);
    while (ready.length) yield ready.shift();
  }
  if (!told.entries) tell.remark(t('own.zip.none'));
  else if (told.over) tell.remark(told.over);
  if (told.unsafe) tell.remark(t('own.zip.unsafe', { count: count(told.unsafe) }));
}
