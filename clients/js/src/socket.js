/**
 * One WebSocket: JSON in and out. After `drop` nothing more is heard of it.
 *
 * @module
 */

export const SUBPROTOCOL = "sermo.v1.json";

/**
 * @typedef {new (url: string, protocols: string[]) => WebSocket} WebSocketClass the browser's own, or `ws` under an older Node
 *
 * @typedef {object} Listener
 * @property {() => void} opened
 * @property {(frame: any) => void} received
 * @property {(code: number, reason: string) => void} closed once, also where it could not be opened
 */

export class Socket {
  /**
   * @param {WebSocketClass} WebSocket
   * @param {string} url
   * @param {Listener} listener
   */
  constructor(WebSocket, url, listener) {
    this.#listener = listener;
    this.#socket = new WebSocket(url, [SUBPROTOCOL]);
    this.#socket.onopen = () => this.#listener?.opened();
    this.#socket.onmessage = ({ data }) => this.#received(data);
    this.#socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#socket.onerror = () => undefined; // `onclose` follows and says as much
  }

  #socket;
  /** @type {Listener | null} */
  #listener;

  /** @param {unknown} frame */
  send(frame) {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /**
   * Close it, and hear nothing more. A browser may take minutes to notice that the other side is gone.
   *
   * @param {number} code
   */
  drop(code) {
    this.#listener = null;
    try {
      this.#socket.close(code);
    } catch {
      // not open yet, where the class minds
    }
  }

  /** @param {unknown} text */
  #received(text) {
    if (this.#listener === null) return;
    let frame;
    try {
      frame = JSON.parse(String(text));
    } catch {
      this.drop(1003);
      return;
    }
    this.#listener.received(frame);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    const listener = this.#listener;
    this.#listener = null;
    listener?.closed(code, reason);
  }
}

/**
 * The socket's address on a server.
 *
 * @param {string} url of the server: http, https, ws or wss
 * @param {string | null} ticket
 * @returns {string}
 */
export function socketUrl(url, ticket) {
  const address = `${url.replace(/\/$/, "").replace(/^http/, "ws")}/ws`;
  return ticket === null ? address : `${address}?ticket=${encodeURIComponent(ticket)}`;
}
