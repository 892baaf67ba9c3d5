/**
 * The frame of a dialog: the browser's own modal element, so that the focus stays in it and Escape closes it.
 *
 * @module
 */

import { useLayoutEffect, useRef } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { closeDialog } from "./ui.js";

/**
 * @param {object} props
 * @param {string} props.title
 * @param {() => void} [props.onClose]
 * @param {(event: SubmitEvent) => void} [props.onSubmit] its content is a form
 * @param {any} props.children
 */
export function Dialog({ title, onClose = closeDialog, onSubmit, children, class: own = "" }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    box.current.querySelector("[autofocus]")?.focus();
    return () => before instanceof HTMLElement && before.isConnected && before.focus({ preventScroll: true });
  }, []);
  const inside = html`<div class="dialog-head">
      <h2 id="dialog-title">${title}</h2>
      <button type="button" class="icon-button" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    </div>
    ${children}`;
  return html`<dialog
    ref=${box}
    class=${own}
    aria-labelledby="dialog-title"
    onCancel=${(event) => (event.preventDefault(), onClose())}
    onClick=${(event) => event.target === box.current && onClose()}
  >
    ${onSubmit
      ? html`<form class="dialog-body" onSubmit=${(event) => (event.preventDefault(), onSubmit(event))}>${inside}</form>`
      : html`<div class="dialog-body">${inside}</div>`}
  </dialog>`;
}
