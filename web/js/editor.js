/**
 * Editing a message where it stands.
 *
 * @module
 */

import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { attempt, engine } from "./model.js";
import { composerFocus, editing } from "./ui.js";
import { CONTENT_MAX, grow, lengthOf } from "./writing.js";

/** @param {{ message: any, place: "channel" | "thread" }} props */
export function Editor({ message, place }) {
  const field = useRef(null);
  const [text, setText] = useState(message.content);
  const length = lengthOf(text);
  const mayBeEmpty = message.attachments?.length > 0;
  useEffect(() => {
    const { current } = field;
    grow(current);
    current.focus();
    current.setSelectionRange(current.value.length, current.value.length);
  }, []);
  const close = () => {
    editing.value = null;
    composerFocus.value = { place };
  };
  const save = async () => {
    const content = text.trim();
    if (length > CONTENT_MAX || (content === "" && !mayBeEmpty)) return;
    close();
    if (content !== message.content) await attempt(engine.peek().store.edit(message.message_id, content));
  };
  const key = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      void save();
    }
  };
  return html`<div class="editor">
    <textarea
      ref=${field}
      aria-label="Edit your message"
      value=${text}
      rows="1"
      onInput=${(event) => (setText(event.currentTarget.value), grow(event.currentTarget))}
      onKeyDown=${key}
    ></textarea>
    <div class="editor-line">
      <button type="button" class="button primary small" disabled=${length > CONTENT_MAX || (text.trim() === "" && !mayBeEmpty)} onClick=${save}>Save</button>
      <button type="button" class="button small" onClick=${close}>Cancel</button>
      <span class="muted">Enter saves, Esc cancels${length > CONTENT_MAX ? ` · ${length - CONTENT_MAX} characters too many` : ""}</span>
    </div>
  </div>`;
}
