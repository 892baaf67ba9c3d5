/**
 * A WebSocket whose other end is a fake server: the part of the browser's class that a client needs.
 *
 * @module
 */

/** @typedef {import("./connection.js").FakeConnection} FakeConnection */

export class FakeWebSocket {
  /**
   * @param {(socket: FakeWebSocket) => FakeConnection | null} accept null: there is nobody to connect to
   * @param {string} url
   */
  constructor(accept, url) {
    this.url = url;
    setTimeout(() => this.#open(accept), 0);
  }

  readyState = 0;
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((message: { data: string }) => void) | null} */
  onmessage = null;
  /** @type {((close: { code: number, reason: string }) => void) | null} */
  onclose = null;
  /** @type {(() => void) | null} */
  onerror = null;
  /** @type {FakeConnection | null} */
  #connection = null;

  /** @param {string} text */
  send(text) {
    const connection = this.#connection;
    if (this.readyState === 1) setTimeout(() => connection?.receive(text), 0);
  }

  /** @param {number} [code] */
  close(code = 1000) {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.#connection?.gone();
    setTimeout(() => this.end(code, ""), 0);
  }

  /**
   * The server sends.
   *
   * @param {unknown} frame
   */
  deliver(frame) {
    const data = JSON.stringify(frame);
    setTimeout(() => this.readyState === 1 && this.onmessage?.({ data }), 0);
  }

  /**
   * The connection has ended.
   *
   * @param {number} code
   * @param {string} reason
   */
  end(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#connection?.gone();
    this.onclose?.({ code, reason });
  }

  /** @param {(socket: FakeWebSocket) => FakeConnection | null} accept */
  #open(accept) {
    if (this.readyState !== 0) return;
    this.#connection = accept(this);
    if (this.#connection === null) return this.end(1006, "");
    this.readyState = 1;
    this.onopen?.();
  }
}
