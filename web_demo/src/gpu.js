// Whether a graphics card draws here. Asking starts a graphics context, which takes long enough to
// hold up a click: it is done in a worker where there is one.

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether WebGL is there, and by hardware. */
export function hasCard() {
  const canvas = globalThis.document?.createElement('canvas') ?? new OffscreenCanvas(1, 1);
  const gl = canvas.getContext('webgl2');
  if (!gl) return false;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return Boolean(name) && !SOFTWARE.test(name);
}
