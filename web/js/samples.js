/**
 * What `GET /v1/admin/metrics` has answered in the last minutes, as series of points.
 *
 * @module
 */

const KEPT = 150; // 5 minutes of one every 2 s

/** @typedef {{ at: number, value: number }[]} Points */

export class Samples {
  /** @type {{ at: number, started: number, numbers: any[] }[]} */
  #samples = [];

  /** @param {{ at: string, numbers: { metric: string, labels: Record<string, string>, value: number }[] }} answer */
  add({ at, numbers }) {
    const started = numbers.find(({ metric }) => metric === "process_start_time_seconds")?.value ?? 0;
    if (this.#last !== undefined && this.#last.started !== started) this.#samples = []; // another node, or a new start: it counts anew
    this.#samples = [...this.#samples, { at: new Date(at).getTime(), started, numbers }].slice(-KEPT);
  }

  get #last() {
    return this.#samples[this.#samples.length - 1];
  }

  /** The sum of a metric's numbers with these labels, as it is now. */
  now(metric, labels = {}) {
    return this.#last === undefined ? 0 : sum(this.#last, metric, labels);
  }

  /** @returns {Points} */
  values(metric, labels = {}) {
    return this.#samples.map((sample) => ({ at: sample.at, value: sum(sample, metric, labels) }));
  }

  /** How fast a counter rises, a second. @returns {Points} */
  rates(metric, labels = {}) {
    return this.#differences((sample) => sum(sample, metric, labels));
  }

  /** The mean of what a histogram counted between two samples; nothing where it counted nothing. @returns {Points} */
  means(metric, factor) {
    const total = this.values(`${metric}_sum`);
    const count = this.values(`${metric}_count`);
    return total.slice(1).flatMap(({ at, value }, place) => {
      const counted = count[place + 1].value - count[place].value;
      return counted > 0 ? [{ at, value: (factor * (value - total[place].value)) / counted }] : [];
    });
  }

  /** Commands that were refused, a second. @returns {Points} */
  refusals() {
    const count = ({ numbers }) =>
      numbers.reduce(
        (all, { metric, labels, value }) => all + (metric === "sermo_commands_total" && labels.outcome !== "done" && labels.outcome !== "repeated" ? value : 0),
        0,
      );
    return this.#differences(count);
  }

  /** A series of rates for each of a label's values. */
  each(metric, label, names) {
    return names.map((name) => ({ name, points: this.rates(metric, { [label]: name }) }));
  }

  /** A series of values for each value of a label, largest first. */
  named(metric, label) {
    const names = new Set(this.#last?.numbers.flatMap((one) => (one.metric === metric ? [one.labels[label]] : [])));
    const most = (points) => Math.max(0, ...points.map(({ value }) => value));
    return [...names]
      .map((name) => ({ name, points: this.values(metric, { [label]: name }) }))
      .sort((a, b) => most(b.points) - most(a.points));
  }

  uptime() {
    if (this.#last === undefined) return "";
    const minutes = Math.floor((this.#last.at / 1_000 - this.#last.started) / 60);
    if (minutes < 60) return `${minutes} min`;
    return minutes < 2_880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1_440)} days`;
  }

  #differences(count) {
    return this.#samples.slice(1).map((sample, place) => {
      const before = this.#samples[place];
      const seconds = Math.max(0.001, (sample.at - before.at) / 1_000);
      return { at: sample.at, value: Math.max(0, count(sample) - count(before)) / seconds };
    });
  }
}

function sum({ numbers }, metric, labels) {
  const wanted = Object.entries(labels);
  return numbers.reduce(
    (all, one) => all + (one.metric === metric && wanted.every(([name, value]) => one.labels[name] === value) ? one.value : 0),
    0,
  );
}
