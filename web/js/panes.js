/**
 * What is open beside the main part.
 *
 * @module
 */

import { html } from "./html.js";
import { MembersPane } from "./members_pane.js";
import { PinsPane } from "./pins_pane.js";
import { ProfilePane } from "./profile_pane.js";
import { SearchPane } from "./search_pane.js";
import { ThreadPane } from "./thread_pane.js";

const PANES = { thread: ThreadPane, user: ProfilePane, members: MembersPane, pins: PinsPane, search: SearchPane };

/** @param {{ pane: { kind: string, id: string | null } }} props */
export function Pane({ pane }) {
  const Shown = PANES[pane.kind];
  if (Shown === undefined) return null;
  return html`<${Shown} key=${`${pane.kind}:${pane.id}`} id=${pane.id} />`;
}
