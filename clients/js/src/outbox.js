/**
 * Messages on their way: each is kept until the server has it or refuses it, over cuts and, with a durable store, over reloads.
 *
 * In order per channel: the next one is sent when the one before it is settled. Never twice: the message's id is its key for ever, so
 * one that got no answer is sent again as it was.
 *
 * @module
 */

import { backoffMs } from "./backoff.js";
import { SermoError } from "./errors.js";
import { newId } from "./ids.js";

/**
 * @typedef {import("./outbox_stores.js").Entry} Entry
 * @typedef {import("./outbox_stores.js").OutboxStore} OutboxStore
 *
 * @typedef {{ parentId?: string, alsoToChannel?: boolean, attachmentIds?: string[], messageId?: string }} SendOptions
 *
 * @typedef {(type: "message", data: Record<string, unknown>) => Promise<import("./frames.js").MessageSent>} Transmit
 *   Rejects with `disconnected` where the connection is not there or was lost.
 */

/** One message on its way: `pending`, then `accepted` with its position, or `failed` with the reason. */
export class SendHandle {
  /**
   * @param {Entry} entry
   * @param {Outbox} outbox
   */
  constructor(entry, outbox) {
    this.#outbox = outbox;
    this.entry = entry;
    /** Resolves, and never rejects, with this handle when it is accepted or failed. @type {Promise<SendHandle>} */
    this.settled = new Promise((resolve) => (this.#resolve = resolve));
    if (entry.failed !== undefined) this.fail(new SermoError(entry.failed.code, entry.failed.message));
  }

  #outbox;
  /** @type {(handle: SendHandle) => void} */
  #resolve = () => undefined;

  /** @type {Entry} */
  entry;
  /** @type {"pending" | "accepted" | "failed"} */
  state = "pending";
  /** The position in the log, when it is accepted. @type {number | null} */
  position = null;
  /** @type {number | null} */
  seq = null;
  /** When it was posted, by the server's clock. @type {string | null} */
  createdAt = null;
  /** Why it failed. @type {SermoError | null} */
  reason = null;

  get messageId() {
    return this.entry.message_id;
  }

  get channelId() {
    return this.entry.channel_id;
  }

  /** Send a failed one again, with the same id, after what waits in its channel. */
  retry() {
    return this.#outbox.retry(this);
  }

  /** Forget a failed one. */
  discard() {
    return this.#outbox.discard(this);
  }

  /** @param {import("./frames.js").MessageSent} answer */
  accept(answer) {
    this.state = "accepted";
    this.position = answer.id;
    this.seq = answer.seq;
    this.createdAt = answer.created_at;
    this.#resolve(this);
  }

  /** @param {SermoError} reason */
  fail(reason) {
    this.state = "failed";
    this.reason = reason;
    this.#resolve(this);
  }

  /** Pending again. */
  again() {
    this.state = "pending";
    this.reason = null;
    this.settled = new Promise((resolve) => (this.#resolve = resolve));
  }
}

export class Outbox {
  /**
   * @param {object} options
   * @param {OutboxStore} options.store
   * @param {import("./tabs.js").Tab} options.tab
   * @param {Transmit} options.transmit
   * @param {(handle: SendHandle) => void} options.changed a handle is new, or in another state
   * @param {(error: unknown) => void} options.fault the store failed; the message is sent all the same
   * @param {() => number} options.random
   */
  constructor({ store, tab, transmit, changed, fault, random }) {
    this.#store = store;
    this.#tab = tab;
    this.#transmit = transmit;
    this.#changed = changed;
    this.#fault = fault;
    this.#random = random;
  }

  #store;
  #tab;
  #transmit;
  #changed;
  #fault;
  #random;
  #isOpen = false;
  /** @type {Map<string, SendHandle>} */
  #handles = new Map();
  /** What is to be sent, by channel. @type {Map<string, SendHandle[]>} */
  #queues = new Map();
  /** Channels of which one is being sent. @type {Set<string>} */
  #busy = new Set();

  /** Those that are pending or failed, oldest first. */
  get handles() {
    return [...this.#handles.values()].filter((handle) => handle.state !== "accepted");
  }

  /** @param {string} messageId */
  get(messageId) {
    return this.#handles.get(messageId);
  }

  /**
   * @param {string} channelId
   * @param {string} content
   * @param {SendOptions} options
   * @returns {SendHandle}
   */
  add(channelId, content, { parentId, alsoToChannel, attachmentIds, messageId = newId() }) {
    /** @type {Entry} */
    const entry = {
      message_id: messageId,
      channel_id: channelId,
      content,
      written_at: Date.now(),
      owner: this.#tab.id,
    };
    if (parentId !== undefined) entry.parent_id = parentId;
    if (alsoToChannel !== undefined) entry.also_to_channel = alsoToChannel;
    if (attachmentIds !== undefined) entry.attachment_ids = attachmentIds;
    const handle = new SendHandle(entry, this);
    this.#keep(handle);
    void this.#stored(this.#store.put(entry)).then(() => this.#queue(handle));
    return handle;
  }

  /** The connection is live: send what waits, also what a reload or another tab's end has left. */
  async open() {
    this.#isOpen = true;
    for (const channelId of this.#queues.keys()) void this.#pump(channelId);
    await this.adopt();
  }

  /** The connection is gone. */
  close() {
    this.#isOpen = false;
  }

  /** Take over what belongs to no living tab. */
  async adopt() {
    await this.#stored(
      this.#tab.alone(async () => {
        for (const entry of await this.#store.load()) {
          if (this.#handles.has(entry.message_id) || !(await this.#tab.mayAdopt(entry.owner, entry.written_at))) continue;
          const mine = { ...entry, owner: this.#tab.id };
          await this.#store.put(mine);
          const handle = new SendHandle(mine, this);
          this.#keep(handle);
          if (handle.state === "pending") this.#queue(handle);
        }
      }),
    );
  }

  /** @param {SendHandle} handle */
  async retry(handle) {
    if (handle.state !== "failed") return;
    delete handle.entry.failed;
    handle.again();
    this.#keep(handle);
    await this.#stored(this.#store.put(handle.entry));
    this.#queue(handle);
  }

  /** @param {SendHandle} handle */
  async discard(handle) {
    if (handle.state !== "failed") return;
    this.#handles.delete(handle.messageId);
    await this.#stored(this.#store.remove(handle.messageId));
    this.#changed(handle);
  }

  /** @param {SendHandle} handle */
  #keep(handle) {
    this.#handles.set(handle.messageId, handle);
    this.#changed(handle);
  }

  /** @param {SendHandle} handle */
  #queue(handle) {
    const queue = this.#queues.get(handle.channelId) ?? [];
    this.#queues.set(handle.channelId, queue);
    queue.push(handle);
    void this.#pump(handle.channelId);
  }

  /** @param {string} channelId */
  async #pump(channelId) {
    if (this.#busy.has(channelId)) return;
    this.#busy.add(channelId);
    const queue = this.#queues.get(channelId) ?? [];
    for (let failures = 0; this.#isOpen && queue[0] !== undefined; ) {
      const waitMs = await this.#send(queue[0], failures);
      if (waitMs === null) {
        queue.shift();
        failures = 0;
      } else {
        failures += 1;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
    this.#busy.delete(channelId);
    if (queue.length === 0) this.#queues.delete(channelId);
    else if (this.#isOpen) void this.#pump(channelId); // it was opened again meanwhile
  }

  /**
   * Send one.
   *
   * @param {SendHandle} handle
   * @param {number} failures
   * @returns {Promise<number | null>} null: it is settled; else when to try again
   */
  async #send(handle, failures) {
    const { written_at, owner, failed, ...data } = handle.entry;
    try {
      handle.accept(await this.#transmit("message", data));
    } catch (error) {
      if (!(error instanceof SermoError)) throw error;
      if (error.code === "disconnected" || error.code === "closed" || error.code === "timeout") {
        this.#isOpen = error.code === "timeout" && this.#isOpen;
        return 0;
      }
      if (error.isLater) return error.retryAfterMs ?? backoffMs(failures + 1, this.#random);
      handle.entry.failed = { code: error.code, message: error.message };
      handle.fail(error);
      await this.#stored(this.#store.put(handle.entry));
      this.#changed(handle);
      return null;
    }
    this.#changed(handle);
    await this.#stored(this.#store.remove(handle.messageId));
    this.#handles.delete(handle.messageId); // only now, or `adopt` would take it for one that a reload has left
    return null;
  }

  /** @param {Promise<unknown>} work */
  async #stored(work) {
    try {
      await work;
    } catch (error) {
      this.#fault(error);
    }
  }
}
