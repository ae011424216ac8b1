// What runs each kind of file, and on what; the first backend is tried first.
export const RUNTIMES = {
  tfjs: { runtime: 'tfjs', name: 'TF.js', backends: ['webgl', 'wasm', 'webgpu', 'cpu'] },
  tflite: { runtime: 'litert-web', name: 'LiteRT.js', backends: ['wasm', 'webgpu'] },
  onnx: { runtime: 'ort-web', name: 'ONNX Runtime Web', backends: ['wasm'] },
};

/**
 * The backend of a file for a visitor who did not choose.
 * @param {string} target of the file
 * @param {string} device webgl where a graphics card draws, else wasm
 */
export function backendOf(target, device) {
  const { backends } = RUNTIMES[target];
  return backends.find((name) => name === device) ?? backends[0];
}
