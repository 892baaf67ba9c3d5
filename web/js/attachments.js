/**
 * The files of a message: pictures in sight, the rest to be downloaded. Each is fetched with the token, so never by its address alone.
 *
 * @module
 */

import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { size } from "./format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { attempt, engine } from "./model.js";
import { dialog } from "./ui.js";

/** What a browser shows as a picture and runs nothing of. An SVG is not among them. */
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
/** Larger ones are shown when asked for. */
const INLINE_MAX_BYTES = 8_000_000;
const KEPT = 60;

/** Pictures that were fetched, by id. @type {Map<string, Promise<string>>} */
const fetched = new Map();

/** @param {any} attachment @returns {Promise<string>} a blob's address */
function picture({ attachment_id, media_type }) {
  const known = fetched.get(attachment_id);
  if (known !== undefined) return known;
  const asked = engine
    .peek()
    .rest.attachment(attachment_id)
    .then((blob) => URL.createObjectURL(new Blob([blob], { type: media_type })));
  fetched.set(attachment_id, asked);
  asked.catch(() => fetched.delete(attachment_id));
  const oldest = fetched.keys().next().value;
  if (fetched.size > KEPT) {
    void fetched.get(oldest).then(URL.revokeObjectURL, () => undefined);
    fetched.delete(oldest);
  }
  return asked;
}

/** @param {{ attachments: any[] | undefined }} props */
export function Attachments({ attachments }) {
  if (!attachments?.length) return null;
  return html`<div class="attachments">
    ${attachments.map((one) =>
      PICTURES.includes(one.media_type) && one.size <= INLINE_MAX_BYTES
        ? html`<${Picture} key=${one.attachment_id} attachment=${one} />`
        : html`<${File} key=${one.attachment_id} attachment=${one} />`,
    )}
  </div>`;
}

function Picture({ attachment }) {
  const [address, setAddress] = useState(null);
  const [isBroken, setBroken] = useState(false);
  const box = useRef(null);
  useEffect(() => {
    let isCurrent = true;
    picture(attachment).then(
      (found) => isCurrent && setAddress(found),
      () => isCurrent && setBroken(true),
    );
    return () => (isCurrent = false);
  }, [attachment.attachment_id]);
  if (isBroken) return html`<${File} attachment=${attachment} />`;
  return html`<button
    type="button"
    class="picture"
    ref=${box}
    aria-label=${`Show ${attachment.name}`}
    onClick=${() => address && (dialog.value = { kind: "picture", attachment, address })}
  >
    ${address === null ? html`<span class="muted">${attachment.name}</span>` : html`<img
      src=${address}
      alt=${attachment.name}
      onError=${() => setBroken(true)}
    />`}
  </button>`;
}

function File({ attachment }) {
  return html`<button type="button" class="file" aria-label=${`Download ${attachment.name}`} onClick=${() => attempt(download(attachment))}>
    <${Icon} name="file" size=${22} />
    <span class="file-text"><b>${attachment.name}</b><small>${size(attachment.size)}</small></span>
    <${Icon} name="download" />
  </button>`;
}

/** @param {any} attachment */
export async function download({ attachment_id, name }) {
  const blob = await engine.peek().rest.attachment(attachment_id);
  const address = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
