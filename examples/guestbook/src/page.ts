import { html } from 'hono/html';
import { content } from './content.ts';
import type { Release } from './release.ts';
import type { Message } from './store.ts';

export interface PageState {
  messages: Message[];
  release: Release;
  /** The chat with the coding agent: where it is, empty without one, and whether it is shown at once. */
  chat: { path: string; open: boolean };
  formToken: string;
  /** What the form is filled with: the visitor's name, or what they sent and was refused. */
  author: string;
  text: string;
  /** What is wrong with the form; empty when nothing is. */
  problem: string;
}

export const MAX_AUTHOR_LENGTH = 60;
export const MAX_TEXT_LENGTH = 500;

/** The whole page. Works without scripts; `live.js` adds new messages as they come. */
export function page(state: PageState) {
  const { messages, release, chat, problem } = state;
  const newest = messages[0]?.id ?? 0;
  return html`<!doctype html>
<html lang="en" style="--hue: ${content.hue}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${content.title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
<script type="module" src="/live.js"></script>
${chat.path === '' ? '' : html`<script type="module" src="${chat.path}/chat.js"${chat.open ? html` data-open` : ''}></script>`}
</head>
<body>
<main>
<header>
<h1>${content.title}</h1>
<p>${content.greeting}</p>
</header>
<form method="post" action="/messages">
<input type="hidden" name="form_token" value="${state.formToken}">
${problem === '' ? '' : html`<p class="problem" role="alert" id="problem">${problem}</p>`}
<label for="author">Your name</label>
<input id="author" name="author" autocomplete="name" required maxlength="${MAX_AUTHOR_LENGTH}" value="${state.author}">
<label for="text">Your message</label>
<textarea id="text" name="text" rows="3" required maxlength="${MAX_TEXT_LENGTH}">${state.text}</textarea>
<button type="submit">${content.button}</button>
</form>
<section aria-labelledby="heading">
<h2 id="heading">Messages</h2>
<ol id="messages" aria-live="polite" data-newest="${newest}" data-commit="${release.commit}">
${messages.map(entry)}
</ol>
${messages.length === 0 ? html`<p id="empty" class="quiet">Nobody has written yet. Be the first.</p>` : ''}
</section>
</main>
<footer>
<p>Version ${release.version}${release.commit === '' ? '' : html` · commit <code>${release.commit.slice(0, 7)}</code>`}${release.slot === '' ? '' : html` · served by slot <strong>${release.slot}</strong>`}</p>
<p id="update" role="status"></p>
</footer>
</body>
</html>`;
}

function entry(message: Message) {
  return html`<li><p>${message.text}</p><p class="quiet">${message.author} · <time datetime="${message.at}">${message.at.slice(0, 16).replace('T', ' ')} UTC</time></p></li>`;
}
