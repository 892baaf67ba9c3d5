/**
 * Files on their way to the server, before the message that will carry them.
 *
 * @module
 */

import { newId } from "../../client/index.js";
import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { size } from "./format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { token } from "./model.js";
import { notify } from "./notices.js";

export const FILES_MAX = 10;

/** The files that are chosen for a channel's next message. @param {string} channelId */
export function useUploads(channelId) {
  const [files, setFiles] = useState([]);
  const list = useRef([]);
  const change = (next) => setFiles((list.current = next));
  const update = (id, more) => change(list.current.map((one) => (one.id === id ? { ...one, ...more } : one)));
  const start = (one) => {
    update(one.id, { state: "sending", progress: 0 });
    one.task = send(channelId, one, (progress) => update(one.id, { progress }));
    one.task.done.then(
      () => update(one.id, { state: "done", progress: 1 }),
      (error) => update(one.id, { state: "failed", error: error.message }),
    );
  };
  useEffect(() => {
    change([]);
    return () => list.current.forEach((one) => one.state === "sending" && one.task.cancel());
  }, [channelId]);
  return {
    files,
    isSending: files.some((one) => one.state === "sending"),
    ids: files.filter((one) => one.state === "done").map((one) => one.id),
    add(chosen) {
      const room = FILES_MAX - list.current.length;
      if (chosen.length > room) notify(`A message carries at most ${FILES_MAX} files.`);
      const added = [...chosen].slice(0, room).map((file) => ({ id: newId(), file, state: "sending", progress: 0 }));
      change([...list.current, ...added]);
      added.forEach(start);
    },
    remove(one) {
      if (one.state === "sending") one.task.cancel();
      change(list.current.filter((other) => other.id !== one.id));
    },
    retry: start,
    clear: () => change([]),
  };
}

/** @param {{ uploads: ReturnType<typeof useUploads> }} props */
export function UploadList({ uploads }) {
  if (uploads.files.length === 0) return null;
  return html`<ul class="uploads" aria-label="Files to be sent">
    ${uploads.files.map(
      (one) => html`<li key=${one.id} class=${one.state}>
        <${Icon} name=${one.state === "failed" ? "warning" : "file"} />
        <span class="file-text"><b>${one.file.name || "picture"}</b><small>${one.state === "failed" ? one.error : size(one.file.size)}</small></span>
        ${one.state === "sending" && html`<progress max="1" value=${one.progress} aria-label=${`Uploading ${one.file.name}`}></progress>`}
        ${one.state === "failed" && html`<button type="button" class="link" onClick=${() => uploads.retry(one)}>Try again</button>`}
        <button
          type="button"
          class="icon-button"
          aria-label=${`Remove ${one.file.name}`}
          onClick=${() => uploads.remove(one)}
        ><${Icon} name="close" /></button>
      </li>`,
    )}
  </ul>`;
}

/** One upload, with its progress: `fetch` tells none. */
function send(channelId, { id, file }, onProgress) {
  const request = new XMLHttpRequest();
  const work = async () => {
    const bearer = await token({ renew: false });
    const query = new URLSearchParams({ name: file.name || "picture", attachment_id: id });
    request.open("POST", `${location.origin}/v1/channels/${channelId}/attachments?${query}`);
    request.setRequestHeader("Authorization", `Bearer ${bearer}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    await new Promise((resolve, reject) => {
      request.onload = () => (request.status < 300 ? resolve() : reject(new Error(problemOf(request))));
      request.onerror = () => reject(new Error("The server does not answer."));
      request.onabort = () => reject(new Error("Cancelled."));
      request.send(file);
    });
  };
  return { done: work(), cancel: () => request.abort() };
}

function problemOf(request) {
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return `The server answered ${request.status}.`;
  }
}
