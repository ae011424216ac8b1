// The camera or a video file, live: every picture is asked as soon as the last answer is there.
import { el } from '../dom.js';
import { number } from '../format.js';
import { t } from '../i18n.js';
import { pixelsOf } from '../preprocess.js';
import { PageError } from '../errors.js';

const LONGEST = 640; // pixels; more would cost time and no model looks at them

/** The camera's controls; stop() also ends the stream, and play(file) answers a video as it plays. */
export function camera({ outputs: specs }, act) {
  const video = el('video', { muted: true, playsInline: true, hidden: true });
  const button = el('button', { type: 'button', id: 'camera' }, t('camera.start'));
  const turn = el('button', { type: 'button', id: 'turn', hidden: true }, t('camera.turn'));
  const rate = el('p', { className: 'quiet', id: 'rate' });
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  let stream = null;
  let film = null; // the address of a video file
  let facing = 'environment';
  let answered = null;
  let chart = null; // of the answers since the camera was started
  let run = 0; // counts starts, so that an old loop ends

  function stop() {
    run += 1;
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    if (film) {
      video.removeAttribute('src');
      URL.revokeObjectURL(film);
      film = null;
    }
    video.controls = false;
    for (const part of [video, turn]) part.hidden = true;
    rate.textContent = '';
    button.textContent = t('camera.start');
  }

  async function start() {
    stop();
    const mine = run;
    let opened;
    try {
      opened = await openCamera(facing);
      if (mine !== run) {
        opened.getTracks().forEach((track) => track.stop());
        return;
      }
      stream = opened;
      for (const track of opened.getTracks()) track.onended = gone;
      video.srcObject = opened;
      await video.play();
    } catch (error) {
      if (mine !== run) return;
      stop();
      throw inWords(error);
    }
    turn.hidden = false;
    await answering(mine);
  }

  /** A file that the visitor chose; its last picture and the answer to it stay. */
  async function play(file) {
    stop();
    const mine = run;
    film = URL.createObjectURL(file);
    video.src = film;
    try {
      await video.play();
    } catch (error) {
      if (mine !== run) return;
      stop();
      throw new PageError('video.bad', { detail: error.message });
    }
    video.controls = true;
    video.onended = () => {
      if (mine === run) run += 1;
      button.textContent = t('camera.start');
      rate.textContent = '';
    };
    await answering(mine);
  }

  async function answering(mine) {
    video.setAttribute('aria-label', t(film ? 'video.shown' : 'camera.shown'));
    video.hidden = false;
    button.textContent = t(film ? 'video.stop' : 'camera.stop');
    import('./running_chart.js').then(
      ({ runningChart }) => {
        if (mine !== run) return;
        chart?.element.remove();
        chart = runningChart(specs);
        element.append(chart.element);
      },
      () => {}, // the answers are there without it
    );
    await loop(mine);
  }

  /** Unplugged, or taken back in the browser's address bar. */
  async function gone() {
    stop();
    await answered; // it would stand in place of the trouble
    act.trouble(new PageError('camera.gone'));
  }

  async function loop(mine) {
    const times = [];
    while (mine === run) {
      await nextFrame(video);
      if (mine !== run) return;
      const shrink = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight, 1));
      canvas.width = Math.max(1, Math.round(video.videoWidth * shrink));
      canvas.height = Math.max(1, Math.round(video.videoHeight * shrink));
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      answered = act.picture(pixelsOf(canvas), { live: true, told: (outputs) => chart?.add(outputs) });
      await answered;
      times.push(performance.now());
      if (times.length > 20) times.shift();
      const seconds = (times.at(-1) - times[0]) / 1000;
      if (seconds > 0 && mine === run) {
        rate.textContent = t('camera.rate', { rate: number(Number(((times.length - 1) / seconds).toFixed(1))) });
      }
    }
  }

  const begin = () => start().catch(act.trouble);
  button.onclick = () => {
    const playing = stream || (film && !video.ended);
    if (playing) stop();
    else begin();
  };
  turn.onclick = () => {
    facing = facing === 'environment' ? 'user' : 'environment';
    begin();
  };
  const element = el(
    'div',
    { className: 'camera' },
    el('div', { className: 'chips' }, button, turn),
    video,
    rate,
    el('p', { className: 'quiet' }, t('camera.stays')),
  );
  return { element, stop, play };
}

async function openCamera(facing) {
  if (!navigator.mediaDevices) throw new PageError('camera.insecure');
  return navigator.mediaDevices.getUserMedia({ video: { facingMode: facing }, audio: false });
}

function inWords(error) {
  if (error.name === 'PageError') return error;
  const known = { NotAllowedError: 'camera.denied', NotFoundError: 'camera.absent' };
  return new PageError(known[error.name] ?? 'camera.trouble', { detail: error.message });
}

/** The next picture of the camera; a hidden page gets none, and so computes nothing. */
function nextFrame(video) {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
}
