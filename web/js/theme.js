/**
 * Dark or light: as the system has it, or as it was chosen here. theme_first.js puts it on before anything is drawn.
 *
 * @module
 */

import { signal } from "../vendor/signals.js";
import { html } from "./html.js";

const THEMES = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];
const theme = signal(document.documentElement.dataset.theme ?? "system");

/** @param {string} name */
function choose(name) {
  theme.value = name;
  if (name === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("sermo:theme");
  } else {
    document.documentElement.dataset.theme = name;
    localStorage.setItem("sermo:theme", name);
  }
}

export function ThemeChoice() {
  return html`<div class="menu-group segments" role="group" aria-label="Theme">
    ${THEMES.map(([name, label]) => html`<button
      key=${name}
      type="button"
      role="menuitemradio"
      aria-checked=${theme.value === name}
      onClick=${() => choose(name)}
    >${label}</button>`)}
  </div>`;
}
