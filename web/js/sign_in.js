/**
 * Signing in and signing up.
 *
 * @module
 */

import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Logo } from "./icons.js";
import { signIn, signUp } from "./model.js";

export function SignIn() {
  const [isNew, setNew] = useState(false);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const first = useRef(null);
  useEffect(() => first.current.focus(), [isNew]);

  const submit = async (event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const username = String(fields.get("username")).trim();
    const password = String(fields.get("password"));
    const displayName = String(fields.get("display_name") ?? "").trim();
    setBusy(true);
    setProblem(null);
    try {
      if (isNew) await signUp({ username, password, ...(displayName ? { display_name: displayName } : {}) });
      else await signIn({ username, password });
    } catch (error) {
      setProblem(told(error));
      setBusy(false);
    }
  };

  return html`<main class="sign-in">
    <form class="card" onSubmit=${submit} aria-labelledby="sign-in-title">
      <${Logo} />
      <h1 id="sign-in-title">${isNew ? "Create your account" : "Sign in to Sermo"}</h1>
      <label class="field">
        <span>User name</span>
        <input
          ref=${first}
          name="username"
          autocomplete="username"
          autocapitalize="none"
          spellcheck=${false}
          required
          maxlength="40"
          aria-describedby=${isNew ? "username-hint" : undefined}
        />
        ${isNew && html`<small id="username-hint">Letters, digits, dot, _ and -. Others mention you by it.</small>`}
      </label>
      ${isNew &&
      html`<label class="field">
        <span>Display name <small>(optional)</small></span>
        <input name="display_name" autocomplete="name" maxlength="80" />
      </label>`}
      <label class="field">
        <span>Password</span>
        <input
          name="password"
          type="password"
          autocomplete=${isNew ? "new-password" : "current-password"}
          required
          minlength=${isNew ? 8 : 1}
          maxlength="1024"
          aria-describedby=${isNew ? "password-hint" : undefined}
        />
        ${isNew && html`<small id="password-hint">At least 8 characters.</small>`}
      </label>
      <p class="form-problem" role="alert">${problem}</p>
      <button class="button primary wide" disabled=${isBusy}>${isNew ? "Create account" : "Sign in"}</button>
      <p class="switch">
        ${isNew ? "You have an account?" : "New here?"}${" "}
        <button type="button" class="link" onClick=${() => (setNew(!isNew), setProblem(null))}>
          ${isNew ? "Sign in" : "Create an account"}
        </button>
      </p>
    </form>
  </main>`;
}

function told(error) {
  switch (error.code) {
    case "invalid_credentials":
      return "That user name and password do not go together.";
    case "name_taken":
      return "That user name is taken. Choose another one.";
    case "unreachable":
      return "The server does not answer. Try again in a moment.";
    default:
      return error.message;
  }
}
