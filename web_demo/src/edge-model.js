// <edge-model src="https://…/site/" model="…" lang="pl" accent="#0a7d5a">: a model of a site made by
// `edge-deploy demo --embed`, in a page of somebody else. Fires `answer` with each answer.
const HERE = new URL('./', import.meta.url).href;

class EdgeModel extends HTMLElement {
  static observedAttributes = ['src', 'model', 'lang', 'accent'];

  #frame = document.createElement('iframe');

  #listen = ({ source, data, origin }) => {
    if (source !== this.#frame.contentWindow || data?.source !== 'edge-deploy') return;
    if (origin !== new URL(this.#frame.src).origin && origin !== 'null') return;
    if (data.type === 'resize') this.#frame.style.height = `${Number(data.height)}px`;
    if (data.type === 'answer') {
      this.dispatchEvent(new CustomEvent('answer', { detail: data.answer, bubbles: true, composed: true }));
    }
  };

  constructor() {
    super();
    this.#frame.allow = 'camera; clipboard-write';
    Object.assign(this.#frame.style, { border: '0', width: '100%', height: '30rem' });
    this.attachShadow({ mode: 'open' }).append(this.#frame);
  }

  connectedCallback() {
    this.style.display ||= 'block';
    window.addEventListener('message', this.#listen);
    this.#show();
  }

  disconnectedCallback() {
    window.removeEventListener('message', this.#listen);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#show();
  }

  #show() {
    const address = new URL(this.getAttribute('src') || HERE, document.baseURI);
    address.searchParams.set('embed', '1');
    for (const name of ['model', 'lang', 'accent']) {
      if (this.hasAttribute(name)) address.searchParams.set(name, this.getAttribute(name));
    }
    this.#frame.title = this.title || this.getAttribute('model') || 'Model';
    if (this.#frame.src !== address.href) this.#frame.src = address.href;
  }
}

customElements.define('edge-model', EdgeModel);
