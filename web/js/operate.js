/**
 * The operators' page: live charts of the node that answers, for server admins. It signs in with what the chat has left in this browser.
 *
 * @module
 */

import { SermoRest } from "../../client/index.js";
import { useEffect, useState } from "../vendor/hooks.js";
import { render } from "../vendor/preact.js";
import { Chart } from "./chart.js";
import { html } from "./html.js";
import { Logo } from "./icons.js";
import { openLogin } from "./login.js";
import { Samples } from "./samples.js";

const EVERY_MS = 2_000;

const { session, token } = openLogin();
const rest = new SermoRest({ url: location.origin, token });
const samples = new Samples();

/** What is asked for again and again: `{ problem, at }`. */
function useMetrics() {
  const [state, set] = useState({ problem: null, isOver: session.user === null, at: null });
  useEffect(() => {
    let waiting = 0;
    let isOver = session.user === null;
    const ask = async () => {
      try {
        const answer = await rest.get("/admin/metrics");
        samples.add(answer);
        set({ problem: null, isOver: false, at: answer.at });
      } catch (error) {
        isOver = error.status === 401 || error.status === 404;
        set((before) => ({ ...before, isOver, problem: error.message }));
      }
      if (!isOver) waiting = setTimeout(ask, EVERY_MS);
    };
    if (!isOver) void ask();
    return () => clearTimeout(waiting);
  }, []);
  return state;
}

function Operate() {
  const { problem, isOver, at } = useMetrics();
  if (isOver) {
    return html`<main class="waiting">
      <${Logo} />
      <h1>For server admins</h1>
      <p>${session.user === null ? "Sign in as a server admin first." : `${session.user.display_name} is not a server admin.`}</p>
      <a class="button primary" href="./">To the chat</a>
    </main>`;
  }
  const queues = samples.named("sermo_queue_length", "queue");
  return html`<main class="operate">
    <header class="operate-head">
      <${Logo} size=${32} />
      <h1>Operate</h1>
      <span class="muted" role="status">${problem !== null ? `No answer: ${problem}` : at === null ? "Loading …" : `as of ${new Date(at).toLocaleTimeString()}`}</span>
      <span class="spacer"></span>
      <a class="button small" href="./">To the chat</a>
    </header>
    <dl class="tiles">
      <${Tile} name="Position" value=${samples.now("sermo_tail_position")} />
      <${Tile} name="People present" value=${samples.now("sermo_present_people")} />
      <${Tile} name="Sends, in all" value=${samples.now("sermo_commands_total", { command: "PostMessage", outcome: "done" })} />
      <${Tile} name="Parked events" value=${samples.now("sermo_views_parked_events") + samples.now("sermo_search_parked_events")} />
      <${Tile} name="Memory" value=${`${Math.round(samples.now("process_resident_memory_bytes") / 1_048_576)} MB`} />
      <${Tile} name="Up for" value=${samples.uptime()} />
    </dl>
    <div class="charts">
      <${Chart} title="Connections" series=${[
        { name: "sockets", points: samples.values("sermo_connections", { kind: "socket" }) },
        { name: "streams", points: samples.values("sermo_connections", { kind: "stream" }) },
        { name: "live", points: samples.values("sermo_live_connections") },
      ]} />
      <${Chart} title="Sends" unit="/s" series=${[
        { name: "sends", points: samples.rates("sermo_commands_total", { command: "PostMessage", outcome: "done" }) },
        { name: "events appended", points: samples.rates("sermo_appended_events_total") },
      ]} />
      <${Chart} title="Deliveries" unit="/s" series=${[
        { name: "deliveries", points: samples.rates("sermo_deliveries_total") },
        { name: "frames received", points: samples.rates("sermo_frames_received_total") },
      ]} />
      <${Chart} title="Lag of the views" unit=" events" series=${[
        { name: "core views", points: samples.values("sermo_views_lag_events") },
        { name: "search", points: samples.values("sermo_search_lag_events") },
      ]} />
      <${Chart}
        title="Resumes"
        unit="/s"
        series=${samples.each("sermo_resumes_total", "outcome", ["resumed", "epoch", "ahead", "backlog"])}
      />
      <${Chart} title="Errors" unit="/s" series=${[
        { name: "commands refused", points: samples.refusals() },
        { name: "rate limited", points: samples.rates("sermo_rate_limited_total") },
        { name: "queues full", points: samples.rates("sermo_queue_refusals_total") },
        { name: "HTTP refused", points: samples.rates("sermo_http_refusals_total") },
        { name: "sockets ended", points: samples.rates("sermo_closes_total") },
      ]} />
      <${Chart} title="Append call" unit=" ms" series=${[{ name: "mean", points: samples.means("sermo_append_seconds", 1_000) }]} />
      <${Chart} title="Waiting in queues" series=${queues.slice(0, 5)} />
    </div>
  </main>`;
}

function Tile({ name, value }) {
  return html`<div class="tile"><dt>${name}</dt><dd>${typeof value === "number" ? value.toLocaleString() : value}</dd></div>`;
}

render(html`<${Operate} />`, document.getElementById("app"));
