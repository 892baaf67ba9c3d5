/**
 * The icons: strokes on a grid of 24, in the colour of the text beside them. They say nothing to a screen reader; what holds them does.
 *
 * @module
 */

import { html } from "./html.js";

const PATHS = {
  at: "M16 8v5a3 3 0 0 0 6 0v-1a10 10 0 1 0-4 8M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0",
  back: "M15 5l-7 7 7 7",
  bell: "M6 9a6 6 0 1 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20a2.2 2.2 0 0 0 4 0",
  bellOff: "M4 4l16 16M8.7 4.9A6 6 0 0 1 18 9c0 3 .5 4.800 1 5.800M6 9c0 6-2 7-2 7h12M10 20a2.200 2.200 0 0 0 4 0",
  channels: "M9 4L7 20M17 4l-2 16M4 9h16M4 15h16",
  check: "M5 12.500l4.500 4.500L19 7.500",
  chevron: "M6 9l6 6 6-6",
  clock: "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M12 5v14M6 13l6 6 6-6",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  edit: "M4 20h4L19 9a2.100 2.100 0 0 0-4-4L4 16zM14 6l4 4",
  file: "M13 3H6v18h12V8zM13 3v5h5",
  flag: "M6 21V4h11l-2 4 2 4H6",
  hash: "M9 4L7 20M17 4l-2 16M4 9h16M4 15h16",
  help: "M9.500 9a2.600 2.600 0 1 1 3.700 2.400c-.8.4-1.200.9-1.200 2.100M12 17h.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0",
  history: "M4 12a8 8 0 1 0 2.500-5.800L4 8.500M4 4v4.500h4.500M12 8v4l3 2",
  leave: "M9 5H5v14h4M15 8l4 4-4 4M19 12H9",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700l-1.600 1.600M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700l1.600-1.600",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3",
  moon: "M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  paperclip: "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.400 3.400 0 0 1 4.800 4.800l-8.500 8.500a1.700 1.700 0 0 1-2.400-2.400L14.500 7.500",
  people: "M3 20v-1a5 5 0 0 1 5-5h3a5 5 0 0 1 5 5v1M13 7.500a3.500 3.500 0 1 1-7 0 3.500 3.500 0 0 1 7 0M16 4.300a3.500 3.500 0 0 1 0 6.400M18 14.300a5 5 0 0 1 3 4.700v1",
  person: "M5 21v-1a6 6 0 0 1 6-6h2a6 6 0 0 1 6 6v1M16 7a4 4 0 1 1-8 0 4 4 0 0 1 8 0",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6",
  plus: "M12 5v14M5 12h14",
  reply: "M10 8V4l-7 7 7 7v-4c5 0 8 1.500 11 5 0-6-4-11-11-11",
  search: "M16.500 16.500L21 21M18 11a7 7 0 1 1-14 0 7 7 0 0 1 14 0",
  send: "M4 12l-1-8 19 8-19 8zM4 12h9",
  smile: "M8.500 14a4.200 4.200 0 0 0 7 0M9 9.500h.01M15 9.500h.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0",
  sun: "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0M12 3v1.500M12 19.500V21M3 12h1.500M19.500 12H21M5.600 5.600l1.100 1.100M17.300 17.300l1.100 1.100M18.400 5.600l-1.100 1.100M6.700 17.300l-1.100 1.100",
  threads: "M4 5h16v10H9l-5 4zM8 9h8M8 12h5",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  unread: "M21 12a9 9 0 1 1-9-9M19 5a2 2 0 1 1-4 0 2 2 0 0 1 4 0",
  warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
};

/** @param {{ name: keyof typeof PATHS, size?: number }} props */
export function Icon({ name, size = 18 }) {
  return html`<svg class="icon icon-${name}" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}

/** @param {{ size?: number }} props */
export function Logo({ size = 44 }) {
  return html`<svg class="logo" width=${size} height=${size} viewBox="0 0 64 64" aria-hidden="true" focusable="false">
    <rect width="64" height="64" rx="15" />
    <path d="M14 20h36M14 32h24M14 44h30" />
    <circle cx="48" cy="32" r="4" />
  </svg>`;
}
