/** Whole frames from the parts that a transcript names: clients/conformance/README.md, "Completed" and "Names". */

import { readFileSync } from "node:fs";

import { newId } from "../src/index.js";

const FOLDER = new URL("../../conformance/", import.meta.url);
const FORMS = JSON.parse(readFileSync(new URL("frames.json", FOLDER), "utf8"));
const STRANGE_EVENT = { id: "<position>", seq: "<seq>", at: "<time>" };

const isKind = (value) => typeof value === "string" && /^<.*>$/.test(value);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const nameOf = (value) => (typeof value === "string" ? /^\$([a-z]\w*(?:\.[a-z]+)?)$/.exec(value)?.[1] : undefined);

export class MadeUp {
  constructor(given) {
    this.values = new Map();
    for (const person of given.people ?? []) {
      this.values.set(`${person}.id`, newId());
      this.values.set(`${person}.token`, `token-of-${person}`);
    }
    for (const name of [...Object.keys(given.channels ?? {}), ...(given.ids ?? [])]) this.values.set(name, newId());
    for (const kind of ["tickets", "expired_tokens"]) for (const name of Object.keys(given[kind] ?? {})) this.values.set(name, `${kind}-${name}`);
    this.channel = this.values.get(Object.keys(given.channels ?? {})[0]) ?? newId();
  }

  #position = 100;
  #integer = 1_000;
  #seqs = new Map();
  #mine = new Map();
  #on = "";

  /** The value with every name replaced. */
  fill(value) {
    const name = nameOf(value);
    if (name !== undefined) return this.values.get(name);
    if (typeof value === "string") return value.replace(/\$([a-z]\w*(?:\.[a-z]+)?)/g, (_, found) => this.values.get(found));
    if (Array.isArray(value)) return value.map((one) => this.fill(one));
    return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.fill(one)])) : value;
  }

  /** Each frame completed; event frames get their values first. */
  completeAll(frames, on) {
    const isEvent = (frame) => "feed" in (FORMS[frame.type] ?? {});
    const made = new Map();
    for (const frame of [...frames].sort((one, other) => isEvent(other) - isEvent(one))) made.set(frame, this.#complete(frame, on));
    return frames.map((frame) => made.get(frame));
  }

  /** Give the names in a call's answer their values. */
  answer(form) {
    this.#laid({ position: "<position>" }, form);
  }

  #complete(frame, on) {
    this.#on = on;
    const found = this.#laid(FORMS[frame.type] ?? ("feed" in frame ? STRANGE_EVENT : {}), frame);
    if (frame.type === "connected") this.#mine.set(on, found.data.user_id);
    if ("feed" in found) {
      if (found.feed === "channel") found.feed = `channel:${found.channel_id}`;
      const key = `${on} ${found.feed}`;
      if (found.seq === "<seq>" || found.seq === null) {
        found.seq = (this.#seqs.get(key) ?? 0) + 1;
        const name = nameOf(frame.seq);
        if (name !== undefined) this.values.set(name, found.seq);
      }
      this.#seqs.set(key, found.seq);
    }
    return found;
  }

  #laid(form, over) {
    if (isObject(over)) {
      const keys = new Set([...Object.keys(isObject(form) ? form : {}), ...Object.keys(over)]);
      const laid = [...keys].map((key) => [key, isObject(form) ? form[key] : undefined, key in over ? over[key] : form[key]]);
      return Object.fromEntries(laid.filter(([, , one]) => one !== "<absent>").map(([key, part, one]) => [key, this.#laid(part, one)]));
    }
    if (Array.isArray(over)) return over.map((one) => this.#laid(null, one));
    const name = nameOf(over);
    if (name !== undefined && !this.values.has(name)) {
      if (form === "<seq>") return null; // known when the feed is
      this.values.set(name, this.#value(isKind(form) ? form : "<text>"));
    }
    const filled = this.fill(over);
    if (name !== undefined && form === "<position>" && filled < 2 ** 53 - 1) this.#position = Math.max(this.#position, filled);
    if (!isKind(filled)) return filled;
    return form === "<seq>" ? filled : this.#value(isKind(form) ? form : filled);
  }

  #value(kind) {
    switch (kind) {
      case "<position>":
        return ++this.#position;
      case "<channel>":
        return this.channel;
      case "<uuid>":
        return newId();
      case "<me>":
        return this.#mine.get(this.#on) ?? newId();
      case "<time>":
        return `${new Date().toISOString().slice(0, -1)}000Z`;
      case "<integer>":
        return ++this.#integer;
      default:
        return `text-${newId().slice(-6)}`;
    }
  }
}
