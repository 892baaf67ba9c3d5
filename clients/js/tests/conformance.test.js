/** The transcripts of clients/conformance, run against the client: the runner plays the server, as the README there says. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";

import WebSocket, { WebSocketServer } from "ws";

import { MemoryCursors, SermoClient } from "../src/index.js";
import { MadeUp } from "./made_up.js";
import { closing, until } from "./support.js";

const FOLDER = new URL("../../conformance/transcripts/", import.meta.url);
const UNANSWERED = new Set(["typing", "status_update"]);
const SIGNALS = new Set(["user_status", "typing"]);
const targetOf = ({ channel_id, parent_id }) => (parent_id === undefined ? { channelId: channel_id } : { parentId: parent_id });

const CALLS = {
  connect: (client, { token }) => client.renewToken(token),
  message: async (client, { channel_id, message_id, content, parent_id, also_to_channel, attachment_ids }) => {
    const options = { messageId: message_id, parentId: parent_id, alsoToChannel: also_to_channel, attachmentIds: attachment_ids };
    const handle = await client.send(channel_id, content, options).settled;
    if (handle.state === "failed") throw handle.reason;
    return { id: handle.position, seq: handle.seq, created_at: handle.createdAt };
  },
  edit_message: (client, data) => client.edit(data.message_id, data.content),
  delete_message: (client, data) => client.remove(data.message_id),
  add_reaction: (client, data) => client.react(data.message_id, data.emoji),
  remove_reaction: (client, data) => client.unreact(data.message_id, data.emoji),
  join_channel: (client, data) => client.join(data.channel_id),
  leave_channel: (client, data) => client.leave(data.channel_id),
  mark_read: (client, data) => client.markRead(targetOf(data), data.seq),
  mark_unread: (client, data) => client.markUnread(targetOf(data), data.seq),
  typing: async (client, data) => client.typing(data.channel_id, data.parent_id),
  status_update: async (client, data) => client.setStatus(data.status),
};

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".jsonl"))) {
  const [head, ...steps] = readFileSync(new URL(file, FOLDER), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  if (!head.runs.includes("client")) continue;
  const skip = steps.some((step) => step.open?.authorization) && "a browser's WebSocket sets no headers";
  test(`${file}: ${head.title}`, { skip }, async () => {
    const run = new Run(head.given, steps);
    await run.start();
    for (run.at = 0; run.at < steps.length; run.at += 1) {
      try {
        await run.step(steps[run.at], steps[run.at].on ?? "a");
      } catch (error) {
        error.message = `line ${run.at + 2}: ${error.message}\n${JSON.stringify(steps[run.at])}`;
        throw error;
      }
    }
  });
}

/** One connection of a transcript, from both ends. */
class Side {
  sockets = [];
  reported = [];
  calls = new Map();
  refs = new Map();
  canComeBack = false;
  endedAt = 0;
}

class Run {
  constructor(given, steps) {
    this.steps = steps;
    this.given = given;
    this.madeUp = new MadeUp(given);
    this.sides = new Map();
    this.tickets = Object.keys(given.tickets ?? {}).map((name) => this.madeUp.values.get(name));
  }

  async start() {
    this.http = createServer((request, response) => this.#rest(request, response));
    this.wss = new WebSocketServer({ server: this.http, path: "/ws", handleProtocols: (all) => [...all][0] });
    this.wss.on("connection", (socket, request) => {
      const came = [];
      socket.on("message", (data) => came.push(JSON.parse(data)));
      socket.on("close", (code) => (socket.closedWith = code));
      const ticket = new URL(request.url, "http://x").searchParams.get("ticket");
      this.opening.sockets.push(Object.assign(socket, { came, ticket }));
    });
    await new Promise((resolve) => this.http.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.http.address().port}`;
    closing(this);
  }

  close() {
    for (const { client } of this.sides.values()) client.close();
    for (const socket of this.wss.clients) socket.terminate();
    this.wss.close();
    this.http.close();
  }

  async step(step, on) {
    const side = this.sides.get(on);
    if ("open" in step) return this.#open(on, this.madeUp.fill(step.open), step.not_before_ms ?? 0);
    if ("send" in step) {
      for (let times = step.times ?? 1; times > 0; times -= 1) await this.#send(side, this.madeUp.fill(step.send), step.again ?? false);
    } else if ("expect" in step) await this.#expect(side, on, [step.expect]);
    else if ("expect_all" in step) await this.#expect(side, on, step.expect_all);
    else if ("expect_close" in step) await this.#end(side, step.expect_close, step.reason);
    else if ("drop" in step) {
      side.socket.terminate();
      Object.assign(side, { canComeBack: true, endedAt: Date.now() });
    } else if ("close" in step) {
      side.client.close();
      await until(() => side.socket.closedWith === 1000, "closed with 1000");
    } else if ("call" in step) this.madeUp.answer(step.answer ?? {});
    else assert.ok("tick" in step, "there is no such step");
  }

  async #open(on, how, notBeforeMs) {
    let side = this.sides.get(on);
    if (!side?.canComeBack) {
      side = new Side();
      this.sides.set(on, side);
      this.opening = side;
      side.client = await this.#client(side, on, how);
      side.connecting = side.client.connect().catch(() => undefined);
    }
    this.opening = side;
    await until(() => side.sockets.length > 0, "a connection");
    side.socket = side.sockets.shift();
    assert.ok(Date.now() - side.endedAt >= notBeforeMs, "it came back too soon");
    assert.equal(side.socket.ticket, how.ticket ?? null);
    side.canComeBack = false;
  }

  async #client(side, on, how) {
    const { data = {} } = this.madeUp.fill(this.#nextSend(on));
    const cursors = new MemoryCursors();
    if ("last_event_id" in data) await cursors.save({ position: data.last_event_id, epoch: data.epoch });
    const token = async ({ renew }) => {
      if (renew) throw new Error("there is one token");
      return data.token ?? this.madeUp.values.get(`${this.given.people[0]}.token`);
    };
    const { max_backlog = null, channel_id = null, client: program } = data;
    const client = new SermoClient({
      url: this.url,
      token,
      authenticate: how.ticket === undefined ? "frame" : "ticket",
      cursors,
      maxBacklog: max_backlog,
      channelId: channel_id,
      program,
      WebSocket,
      random: () => 0,
    });
    for (const name of ["event", "signal"]) client.on(name, (frame) => void side.reported.push(frame));
    client.on("error", (error) => void side.reported.push({ type: "error", data: { code: error.code } }));
    client.on("resumed", (data) => (side.resumed = data));
    client.on("position", (position) => (side.position = position));
    return client;
  }

  #nextSend(on) {
    return this.steps.slice(this.at).find((step) => "send" in step && (step.on ?? "a") === on).send;
  }

  #rest(request, response) {
    const say = (status, body) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    if (request.url.startsWith("/v1/me/channels")) {
      const { last_event_id: position, epoch } = this.#nextSend(this.steps[this.at].on ?? "a").data;
      this.madeUp.answer({ position, epoch });
      return say(200, { channels: [], ...this.madeUp.fill({ position, epoch }) });
    }
    if (request.url === "/v1/ws-ticket") return say(200, { ticket: this.tickets.length > 1 ? this.tickets.shift() : this.tickets[0] });
    return say(404, { code: "not_found" });
  }

  async #send(side, frame, isAgain) {
    const { type, data = {}, ref } = frame;
    const byItself = isAgain || (type === "connect" && (side.refs.size === 0 || "last_event_id" in data || Object.keys(data).join() !== "token"));
    if (!byItself && side.refs.size > 0 && side.client.state.name !== "connecting") {
      const call = CALLS[type]?.(side.client, data) ?? side.client.request(type, data);
      if (!UNANSWERED.has(type)) side.calls.set(ref, call.then((value) => ({ value }), (error) => ({ error })));
    }
    let came;
    do {
      await until(() => side.socket.came.length > 0, `the client sends ${type}`);
      came = side.socket.came.shift();
      if (came.type === "ping" && type !== "ping") side.socket.send(JSON.stringify({ type: "pong", ref: came.ref }));
    } while (came.type === "ping" && type !== "ping");
    assert.deepEqual([came.type, said(came.data ?? {}, data)], [type, said(data, data)]);
    side.refs.set(ref, came.ref);
  }

  async #expect(side, on, frames) {
    const made = this.madeUp.completeAll(frames, on);
    for (const [place, whole] of made.entries()) {
      const ref = frames[place].ref === "<absent>" ? undefined : frames[place].ref;
      const isAnswer = !("feed" in whole) && !SIGNALS.has(whole.type) && whole.type !== "heartbeat";
      delete whole.ref;
      if (isAnswer && side.refs.get(ref) !== undefined) whole.ref = side.refs.get(ref);
      const seen = side.reported.length;
      side.socket.send(JSON.stringify(whole));
      await this.#isReported(side, whole, ref, seen);
    }
  }

  async #isReported(side, whole, ref, seen) {
    const { client } = side;
    switch (whole.type) {
      case "connected":
        return until(() => client.userId === whole.data.user_id, "connected");
      case "resumed":
        await until(() => client.state.name === "live" && side.resumed !== undefined, "resumed");
        return assert.equal(side.resumed.count, whole.data.count);
      case "resync_required":
      case "waiting":
        return; // the snapshot is asked for, and the next `connect` says so
      case "heartbeat":
        return until(() => side.position >= whole.id, "the position moves");
      case "weather":
        return; // a type of another version, without an id
    }
    if ("feed" in whole || SIGNALS.has(whole.type)) {
      await until(() => side.reported.length > seen, `${whole.type} is reported`);
      return assert.deepEqual(side.reported[seen], whole);
    }
    if (side.calls.has(ref)) {
      const { value, error } = await side.calls.get(ref);
      if (whole.type !== "error" && whole.type !== "channel_join_error") return assert.deepEqual(error ?? value ?? {}, answerOf(whole));
      return assert.deepEqual([error.code, error.field], [whole.data.code, whole.data.field]);
    }
    if (whole.type === "error") {
      await until(() => side.reported.length > seen, "the error is reported");
      assert.equal(side.reported[seen].data.code, whole.data.code);
    }
  }

  async #end(side, code, reason) {
    const isEnd = [1000, 1003, 1009].includes(code) || (code >= 4000 && code < 4100);
    Object.assign(side, { endedAt: Date.now(), canComeBack: !isEnd });
    side.socket.close(code, reason === undefined ? "" : JSON.stringify(reason));
    if (!isEnd) return;
    await until(() => side.client.state.name === "closed", "the client is closed");
    assert.equal(side.client.state.code, code);
  }
}

/** What the call answers: of a message its handle, which has its own ids. */
function answerOf({ type, data = {} }) {
  if (type !== "message_sent") return data;
  const { id, seq, created_at } = data;
  return { id, seq, created_at };
}

/** What says something; `client` counts where the transcript has it. */
function said(data, wanted) {
  const found = Object.entries(data).filter(([, value]) => value !== null && value !== undefined && value !== false);
  return Object.fromEntries(found.filter(([name]) => name !== "client" || "client" in wanted));
}
