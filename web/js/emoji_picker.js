/**
 * Choosing an emoji, by looking or by name.
 *
 * @module
 */

import { useState } from "../vendor/hooks.js";
import { findEmoji, groups, nameOfEmoji } from "./emoji.js";
import { html } from "./html.js";
import { Popover } from "./popover.js";

/** @param {{ onPick: (emoji: string) => void, onClose: () => void }} props */
export function EmojiPicker({ onPick, onClose }) {
  const [text, setText] = useState("");
  const found = text.trim() === "" ? null : findEmoji(text);
  const pick = (emoji) => {
    onClose();
    onPick(emoji);
  };
  return html`<${Popover} label="Choose an emoji" onClose=${onClose} class="emoji-picker">
    <input
      type="search"
      autofocus
      placeholder="Search emoji"
      aria-label="Search emoji"
      value=${text}
      onInput=${(event) => setText(event.currentTarget.value)}
      onKeyDown=${(event) => {
        if (event.key !== "Enter" || !found?.length) return;
        event.preventDefault();
        pick(found[0].emoji);
      }}
    />
    <div class="emoji-scroll" tabindex="-1">
      ${found === null
        ? groups.map((group) => html`<section key=${group.name} aria-label=${group.name}><h3>${group.name}</h3><${Grid} emoji=${group.emoji} onPick=${pick} /></section>`)
        : html`<${Grid} emoji=${found} onPick=${pick} />`}
      ${found?.length === 0 && html`<p class="empty">No emoji is called that.</p>`}
    </div>
  <//>`;
}

function Grid({ emoji, onPick }) {
  return html`<div class="emoji-grid">
    ${emoji.map(({ emoji: one }) => html`<button
      key=${one}
      type="button"
      aria-label=${nameOfEmoji(one)}
      title=${nameOfEmoji(one)}
      onClick=${() => onPick(one)}
    >${one}</button>`)}
  </div>`;
}
