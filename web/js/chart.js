/**
 * A chart of lines over time.
 *
 * @module
 */

import { html } from "./html.js";

const WIDTH = 600;
const HEIGHT = 130;
const LEFT = 42;
const BOTTOM = 112;
const TOP = 8;
const SPAN_MS = 300_000;

/** @param {{ title: string, unit?: string, series: { name: string, points: { at: number, value: number }[] }[] }} props */
export function Chart({ title, unit = "", series }) {
  const ends = series.flatMap(({ points }) => points.slice(-1).map((point) => point.at));
  const now = Math.max(0, ...ends);
  const top = ceiling(Math.max(0, ...series.flatMap(({ points }) => points.map((point) => point.value))));
  const x = (at) => LEFT + ((at - now + SPAN_MS) / SPAN_MS) * (WIDTH - LEFT);
  const y = (value) => BOTTOM - (value / top) * (BOTTOM - TOP);
  const latest = series.map(({ points }) => points[points.length - 1]?.value ?? 0);
  return html`<figure class="chart">
    <figcaption class="chart-head">
      <h2>${title}</h2>
      <ul class="legend">
        ${series.map(({ name }, place) => html`<li key=${name}><i class="series-${place}"></i>${name} <b>${short(latest[place])}${unit}</b></li>`)}
      </ul>
    </figcaption>
    <svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${`${title}: ${series.map(({ name }, place) => `${name} ${short(latest[place])}${unit}`).join(", ")}`}>
      ${[0, 0.5, 1].map(
        (part) => html`<g key=${part}>
          <line class="grid" x1=${LEFT} x2=${WIDTH} y1=${y(top * part)} y2=${y(top * part)} />
          <text x=${LEFT - 6} y=${y(top * part) + 4} text-anchor="end">${short(top * part)}</text>
        </g>`,
      )}
      ${series.map(
        ({ name, points }, place) =>
          html`<polyline key=${name} class="series-${place}" points=${points.map((point) => `${x(point.at).toFixed(1)},${y(point.value).toFixed(1)}`).join(" ")} />`,
      )}
      <text x=${LEFT} y=${HEIGHT - 3}>5 min ago</text>
      <text x=${WIDTH} y=${HEIGHT - 3} text-anchor="end">now</text>
    </svg>
  </figure>`;
}

/** The next round number. @param {number} value */
function ceiling(value) {
  if (value <= 1) return 1;
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((times) => times * step).find((round) => round >= value) ?? value;
}

/** @param {number} value */
function short(value) {
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)}M`;
  if (value >= 10_000) return `${Math.round(value / 1_000)}k`;
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}
