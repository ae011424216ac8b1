// Numbers as bytes and back.

const ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** The typed array that base64 text of little-endian numbers stands for. */
export function fromBase64(text, dtype) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < binary.length; n += 1) bytes[n] = binary.charCodeAt(n);
  return fromBytes(bytes.buffer, dtype);
}

/** The typed array over a buffer; wider and narrower numbers travel as 32-bit ones. */
export function fromBytes(buffer, dtype) {
  const kind = dtype === 'bool' ? 'bool' : /int/.test(dtype) ? 'int32' : 'float32';
  return new ARRAYS[kind](buffer);
}

/** Base64 text of a typed array's bytes. */
export function toBase64(values) {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let binary = '';
  const step = 0x8000; // as many arguments as every engine takes
  for (let at = 0; at < bytes.length; at += step) {
    binary += String.fromCharCode(...bytes.subarray(at, at + step));
  }
  return btoa(binary);
}

/** The memory of tensors by name, to hand over to another thread; of views only a copy can go. */
export function memoryOf(tensors = {}) {
  const whole = Object.values(tensors).filter(({ data }) => data.byteLength === data.buffer.byteLength);
  return [...new Set(whole.map(({ data }) => data.buffer))];
}
