/**
 * A component that is drawn anew only when one of its properties is another one.
 *
 * @module
 */

import { Component, h } from "../vendor/preact.js";

/** @param {(props: any) => any} Drawn */
export function memo(Drawn) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const { props } = this;
      return Object.keys({ ...props, ...next }).some((name) => !Object.is(props[name], next[name]));
    }

    render(props) {
      return h(Drawn, props);
    }
  };
}
