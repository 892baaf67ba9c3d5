/**
 * `html` makes Preact's elements out of template strings; text in them is always text.
 *
 * @module
 */

import htm from "../vendor/htm.js";
import { h } from "../vendor/preact.js";

export const html = htm.bind(h);
