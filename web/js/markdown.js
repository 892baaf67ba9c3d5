/**
 * Markdown as elements. markdown-it reads it; its tokens become Preact's elements one by one, so there is never any HTML to be
 * sanitised: what has no case here is text. Images are links, since loading them would tell somebody else who reads.
 *
 * @module
 */

import MarkdownIt from "../vendor/markdown-it.js";
import { h } from "../vendor/preact.js";
import { emojiNamed } from "./emoji.js";

const reader = new MarkdownIt({ html: false, linkify: true, breaks: true, typographer: false });
reader.disable(["image", "lheading"]);
reader.validateLink = (address) => /^(https?:|mailto:)/i.test(address.trim());

const PLAIN = new Set([
  "p", "em", "strong", "s", "blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "hr", "br",
]);
const MENTION = /(?<![\p{L}\p{N}@/])@(?:\*\*(?<full>[^*\n]{1,80})\*\*|(?<name>[\w.-]+))|:(?<emoji>[a-z0-9_+-]{2,40}):/gu;
const ONLY_EMOJI = /^(?:\p{Extended_Pictographic}[\u{1F3FB}-\u{1F3FF}\uFE0F\u200D]*|\s){1,8}$/u;

/**
 * @param {string} content
 * @param {(name: string) => { userId: string | null, isMe: boolean, label: string } | null} mentioned who is mentioned by a name, or null
 * @param {(userId: string) => string} hrefOf a person's address in the page
 */
export function markdown(content, mentioned, hrefOf) {
  return elements(reader.parse(content, {}), { mentioned, hrefOf });
}

/** @param {string} content */
export const isOnlyEmoji = (content) => content.length < 40 && ONLY_EMOJI.test(content) && content.trim() !== "";

/** What a message says in one line, without marks. @param {string} content */
export function plain(content) {
  const parts = [];
  const walk = (tokens) => {
    for (const token of tokens) {
      if (token.children) walk(token.children);
      else if (token.type === "softbreak" || token.type === "hardbreak") parts.push(" ");
      else if (token.content) parts.push(token.content);
      if (token.type.endsWith("_close") && token.block) parts.push(" ");
    }
  };
  walk(reader.parse(content.slice(0, 600), {}));
  return parts.join("").replace(/\s+/g, " ").trim();
}

function elements(tokens, how) {
  const root = [];
  const open = [{ children: root }];
  const top = () => open[open.length - 1].children;
  for (const token of tokens) {
    if (token.hidden) continue;
    if (token.nesting === 1) open.push({ token, children: [] });
    else if (token.nesting === -1) {
      const { token: opened, children } = open.pop();
      top().push(element(opened, children));
    } else top().push(...leaf(token, how));
  }
  return root;
}

function element(token, children) {
  if (token.type === "link_open") return link(token.attrGet("href"), children);
  if (token.type === "heading_open") return h("p", { class: "heading" }, children);
  if (token.tag === "table") return h("div", { class: "table-scroll", tabIndex: 0 }, h("table", null, children));
  if (token.tag === "ol") return h("ol", { start: Number(token.attrGet("start") ?? 1) }, children);
  return h(PLAIN.has(token.tag) ? token.tag : "span", null, children);
}

function leaf(token, how) {
  switch (token.type) {
    case "inline":
      return elements(token.children, how);
    case "text":
      return withMentions(token.content, how);
    case "code_inline":
      return [h("code", null, token.content)];
    case "code_block":
    case "fence":
      return [h("pre", { tabIndex: 0 }, h("code", null, token.content.replace(/\n$/, "")))];
    case "softbreak":
    case "hardbreak":
      return [h("br", null)];
    case "hr":
      return [h("hr", null)];
    default:
      return token.content ? [token.content] : [];
  }
}

function link(href, children) {
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, children);
}

function withMentions(text, { mentioned, hrefOf }) {
  const parts = [];
  let done = 0;
  for (const found of text.matchAll(MENTION)) {
    const made = found.groups.emoji ? emojiNamed(found.groups.emoji) : mention(found.groups.full ?? found.groups.name, mentioned, hrefOf);
    if (made === null) continue;
    const { node, length } = typeof made === "string" ? { node: made, length: found[0].length } : made;
    parts.push(text.slice(done, found.index), node);
    done = found.index + (length ?? found[0].length);
  }
  return [...parts, text.slice(done)];
}

/** The longest name that is one: a full stop may end a sentence. */
function mention(name, mentioned, hrefOf) {
  for (let shorter = name; shorter !== ""; shorter = shorter.replace(/[._-]$/, "")) {
    const who = mentioned(shorter);
    if (who !== null) {
      const attributes = { class: who.isMe ? "mention me" : "mention" };
      const node =
        who.userId === null
          ? h("span", attributes, who.label)
          : h("a", { ...attributes, href: hrefOf(who.userId) }, who.label);
      return { node, length: shorter === name ? null : 1 + shorter.length };
    }
    if (!/[._-]$/.test(shorter)) return null;
  }
  return null;
}
