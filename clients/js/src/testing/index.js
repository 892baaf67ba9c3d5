/**
 * For the tests of those who use `@sermo/client`.
 *
 * @module
 */

export { Faults } from "./faults.js";
export { FakeServer } from "./server.js";
