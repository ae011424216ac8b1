// Another version of the model that is shown, to be asked beside it.
import { describe } from './reference.js';
import { openChecked, standIns } from './select-backend.js';
import { unnamedFeatures } from './unnamed_features.js';

/**
 * Open a version in the first way that works here.
 * @param {object} entry of the version, in the site's index
 * @param {AbortSignal} signal ends it
 * @returns {Promise<{model, manifest: object, features: ?Array}>}
 * @throws {Error} it does not start here, or is wrong
 */
export async function openVersion(entry, signal) {
  const described = describe(entry);
  const file = entry.files.find((one) => one.file === entry.file);
  const nothing = () => {};
  const quiet = { starting: nothing, progress: nothing, checking: nothing, fell: nothing };
  const place = { entry, described, signal };
  const { model, check } = await openChecked([file, ...standIns(entry, file)], 'auto', place, quiet);
  if (!check.pass && !check.refused) {
    model.dispose();
    throw new Error('it is wrong on this device');
  }
  const { manifest } = await described;
  return { model, manifest, features: manifest.features ?? unnamedFeatures(manifest) };
}
