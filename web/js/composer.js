/**
 * Writing a message: Enter sends, Shift+Enter begins a line, `@` offers names, ArrowUp edits the last one; a draft is kept per place.
 *
 * @module
 */

import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { EmojiPicker } from "./emoji_picker.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { Suggestions, useSuggestions } from "./mention_suggestions.js";
import { engine } from "./model.js";
import { UploadList, useUploads } from "./uploads.js";
import { composerFocus, editing } from "./ui.js";
import { CONTENT_MAX, grow, lengthOf, loadDraft, saveDraft } from "./writing.js";

const COUNTED_FROM = 3_600;

/**
 * @param {object} props
 * @param {string} props.channelId
 * @param {string} [props.rootId] of the thread that is answered
 * @param {string} props.label
 * @param {() => any[]} props.messages what is shown above it, for editing the last own one
 */
export function Composer({ channelId, rootId, label, messages }) {
  const { store, client } = engine.value;
  const place = rootId ?? channelId;
  const field = useRef(null);
  const picker = useRef(null);
  const [text, setText] = useState(() => loadDraft(store.userId, place));
  const [alsoToChannel, setAlso] = useState(false);
  const [isChoosing, setChoosing] = useState(false);
  const [isOver, setOver] = useState(false);
  const uploads = useUploads(channelId);
  const write = (next) => {
    setText(next);
    saveDraft(store.userId, place, next);
  };
  const suggestions = useSuggestions(field, text, write);
  const length = lengthOf(text);
  const isReady = !uploads.isSending && length <= CONTENT_MAX && (text.trim() !== "" || uploads.ids.length > 0);
  const touch = matchMedia("(pointer: coarse)").matches;

  useEffect(() => grow(field.current), [text]);
  const wanted = composerFocus.value;
  useEffect(() => {
    const isForMe = wanted === null || wanted.place === (rootId === undefined ? "channel" : "thread");
    if (!touch && isForMe) field.current.focus({ preventScroll: true });
  }, [wanted]);

  const send = () => {
    if (!isReady) return;
    store.send(channelId, text.trim(), {
      ...(rootId === undefined ? {} : { parentId: rootId, alsoToChannel }),
      ...(uploads.ids.length > 0 ? { attachmentIds: uploads.ids } : {}),
    });
    write("");
    setAlso(false);
    uploads.clear();
    field.current.focus();
  };
  const insert = (piece) => {
    const { selectionStart, selectionEnd } = field.current;
    write(text.slice(0, selectionStart) + piece + text.slice(selectionEnd));
    requestAnimationFrame(() => {
      field.current.focus();
      field.current.setSelectionRange(selectionStart + piece.length, selectionStart + piece.length);
    });
  };
  const key = (event) => {
    if (event.isComposing || suggestions.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !touch) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "") {
      const last = messages().findLast((message) => message.author_id === store.userId && message.seq !== null && !message.deleted_at);
      if (last === undefined) return;
      event.preventDefault();
      editing.value = `${rootId === undefined ? "channel" : "thread"}:${last.message_id}`;
    }
  };
  const take = (event, files) => {
    if (files.length === 0) return;
    event.preventDefault();
    uploads.add(files);
  };

  return html`<form
    class="composer ${isOver ? "over" : ""}"
    onSubmit=${(event) => (event.preventDefault(), send())}
    onDragOver=${(event) => (event.preventDefault(), setOver(true))}
    onDragLeave=${() => setOver(false)}
    onDrop=${(event) => (setOver(false), take(event, event.dataTransfer.files))}
  >
    <${Suggestions} suggestions=${suggestions} />
    <${UploadList} uploads=${uploads} />
    <textarea
      ref=${field}
      rows="1"
      aria-label=${label}
      placeholder=${label}
      value=${text}
      ...${suggestions.attributes}
      onInput=${(event) => {
        write(event.currentTarget.value);
        if (event.currentTarget.value.trim() !== "") client.typing(channelId, rootId);
      }}
      onKeyDown=${key}
      onPaste=${(event) => take(event, event.clipboardData.files)}
    ></textarea>
    <div class="composer-line">
      <button
        type="button"
        class="icon-button"
        aria-label="Attach files"
        title="Attach files"
        onClick=${() => picker.current.click()}
      ><${Icon} name="paperclip" /></button>
      <input
        ref=${picker}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        onChange=${(event) => (uploads.add(event.currentTarget.files), (event.currentTarget.value = ""))}
      />
      <span class="opener">
        <button
          type="button"
          class="icon-button"
          aria-label="Insert an emoji"
          title="Insert an emoji"
          aria-haspopup="dialog"
          aria-expanded=${isChoosing}
          onClick=${() => setChoosing(!isChoosing)}
        ><${Icon} name="smile" /></button>
        ${isChoosing && html`<${EmojiPicker} onClose=${() => setChoosing(false)} onPick=${insert} />`}
      </span>
      <button
        type="button"
        class="icon-button"
        aria-label="Mention somebody"
        title="Mention somebody"
        onClick=${() => insert("@")}
      ><${Icon} name="at" /></button>
      ${rootId !== undefined &&
      html`<label class="also"><input
        type="checkbox"
        checked=${alsoToChannel}
        onChange=${(event) => setAlso(event.currentTarget.checked)}
      /> Also to the channel</label>`}
      <span class="spacer"></span>
      ${length > COUNTED_FROM && html`<span class="counter ${length > CONTENT_MAX ? "bad" : ""}" role="status">${length} / ${CONTENT_MAX}</span>`}
      <button
        type="submit"
        class="button primary send"
        disabled=${!isReady}
        aria-label="Send"
        title="Send (Enter)"
      ><${Icon} name="send" /></button>
    </div>
  </form>`;
}
