/**
 * The page begins here.
 *
 * @module
 */

import { render } from "../vendor/preact.js";
import { App } from "./app.js";
import { html } from "./html.js";
import { resume } from "./model.js";

resume();
render(html`<${App} />`, document.getElementById("app"));
