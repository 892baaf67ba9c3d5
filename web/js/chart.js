/**
 * A chart of lines over time.
 *
 * @module
 */

import { html } from "./html.js";

/** The lines are drawn in these units and stretched to whatever room there is; what is to be read stands beside them. */
const WIDTH = 600;
const HEIGHT = 100;
const SPAN_MS = 300_000;
const PARTS = [1, 0.5, 0];

/** @param {{ title: string, unit?: string, series: { name: string, points: { at: number, value: number }[] }[] }} props */
export function Chart({ title, unit = "", series }) {
  const ends = series.flatMap(({ points }) => points.slice(-1).map((point) => point.at));
  const now = Math.max(0, ...ends);
  const top = ceiling(Math.max(0, ...series.flatMap(({ points }) => points.map((point) => point.value))));
  const x = (at) => ((at - now + SPAN_MS) / SPAN_MS) * WIDTH;
  const y = (value) => HEIGHT - (value / top) * HEIGHT;
  const latest = series.map(({ points }) => points[points.length - 1]?.value ?? 0);
  return html`<figure class="chart">
    <figcaption class="chart-head">
      <h2>${title}</h2>
      <ul class="legend">
        ${series.map(({ name }, place) => html`<li key=${name}><i class="series-${place}"></i>${name} <b>${short(latest[place])}${unit}</b></li>`)}
      </ul>
    </figcaption>
    <div class="plot-frame">
      <div class="ticks" aria-hidden="true">${PARTS.map((part) => html`<span key=${part}>${short(top * part)}</span>`)}</div>
      <svg
        class="plot"
        viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label=${`${title}: ${series.map(({ name }, place) => `${name} ${short(latest[place])}${unit}`).join(", ")}`}
      >
        ${PARTS.map((part) => html`<line key=${part} class="grid" x1="0" x2=${WIDTH} y1=${y(top * part)} y2=${y(top * part)} />`)}
        ${series.map(
          ({ name, points }, place) =>
            html`<polyline
              key=${name}
              class=${`series-${place}`}
              points=${points.map((point) => `${x(point.at).toFixed(1)},${y(point.value).toFixed(1)}`).join(" ")}
            />`,
        )}
      </svg>
      <div class="span" aria-hidden="true"><span>5 min ago</span><span>now</span></div>
    </div>
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
