/**
 * Where the rows of a long list are: measured heights where a row has been drawn, estimates where it has not.
 *
 * @module
 */

export class Heights {
  /** @param {(row: any) => number} estimate of a row that was never drawn */
  constructor(estimate) {
    this.#estimate = estimate;
  }

  #estimate;
  /** @type {Map<string, number>} */
  #measured = new Map();
  /** Of rows that were never drawn. @type {WeakMap<object, number>} */
  #estimated = new WeakMap();
  #rows = [];
  /** The row's place, by its key. @type {Map<string, number>} */
  #places = new Map();
  /** The top of each row, and the end of the last one. */
  #tops = new Float64Array(1);

  /** @param {{ key: string }[]} rows */
  take(rows) {
    if (rows === this.#rows) return;
    this.#rows = rows;
    this.#places = new Map(rows.map((row, place) => [row.key, place]));
    this.#lay();
  }

  /** Take what was measured; whether any of it is new. @param {Iterable<[string, number]>} measured */
  measure(measured) {
    let isNew = false;
    for (const [key, height] of measured) {
      if (Math.abs((this.#measured.get(key) ?? -1) - height) < 0.5) continue;
      this.#measured.set(key, height);
      isNew = true;
    }
    if (isNew) this.#lay();
    return isNew;
  }

  /** The height of all rows. */
  get total() {
    return this.#tops[this.#rows.length] ?? 0;
  }

  /** @param {string} key */
  place(key) {
    return this.#places.get(key);
  }

  /** @param {number} place */
  top(place) {
    return this.#tops[place] ?? this.total;
  }

  /** The row in which this lies. @param {number} offset */
  at(offset) {
    let low = 0;
    let high = this.#rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  #lay() {
    const tops = new Float64Array(this.#rows.length + 1);
    let top = 0;
    this.#rows.forEach((row, place) => {
      tops[place] = top;
      top += this.#measured.get(row.key) ?? this.#estimateOf(row);
    });
    tops[this.#rows.length] = top;
    this.#tops = tops;
  }

  #estimateOf(row) {
    let height = this.#estimated.get(row);
    if (height === undefined) {
      height = this.#estimate(row);
      this.#estimated.set(row, height);
    }
    return height;
  }
}
