/**
 * What opens over a button, beside it where there is room, and goes away with Escape, a click elsewhere or when it loses the focus.
 *
 * @module
 */

import { useEffect, useLayoutEffect, useRef } from "../vendor/hooks.js";
import { html } from "./html.js";

const GAP_PX = 6;

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} [props.role]
 * @param {() => void} props.onClose
 * @param {any} props.children
 */
export function Popover({ label, role = "dialog", onClose, children, class: own = "" }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const opener = box.current.parentElement;
    const before = document.activeElement;
    place(box.current, opener.getBoundingClientRect());
    box.current.querySelector("[autofocus], input, [role=menuitem], button")?.focus({ preventScroll: true });
    return () => opener.isConnected && before instanceof HTMLElement && before.isConnected && before.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    const away = (event) => box.current.parentElement.contains(event.target) || onClose();
    const key = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      onClose();
    };
    document.addEventListener("pointerdown", away, true);
    document.addEventListener("keydown", key, true);
    return () => {
      document.removeEventListener("pointerdown", away, true);
      document.removeEventListener("keydown", key, true);
    };
  }, []);
  return html`<div class="popover ${own}" ref=${box} role=${role} aria-label=${label} onKeyDown=${(event) => arrows(event, box.current)}>${children}</div>`;
}

/** Fixed, within the window, above or below the opener. */
function place(box, opener) {
  const { width, height } = box.getBoundingClientRect();
  const below = opener.bottom + GAP_PX;
  const above = opener.top - GAP_PX - height;
  const top = below + height <= innerHeight - GAP_PX || above < GAP_PX ? below : above;
  box.style.top = `${Math.max(GAP_PX, Math.min(top, innerHeight - height - GAP_PX))}px`;
  box.style.left = `${Math.max(GAP_PX, Math.min(opener.right - width, innerWidth - width - GAP_PX))}px`;
}

function arrows(event, box) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const items = [...box.querySelectorAll("[role=menuitem], [role=menuitemradio]")];
  if (items.length === 0) return;
  event.preventDefault();
  event.stopPropagation();
  const step = event.key === "ArrowDown" ? 1 : -1;
  items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
}
