import type { Photo } from './photos.ts';

export interface PageState {
  photos: readonly Photo[];
  /** Who is signed in; empty for a stranger. */
  name: string;
  /** Slot that serves the page; empty outside of Greenroom. */
  slot: string;
  /** Path of the chat with the coding agent; empty for everybody who is no editor. */
  chat: string;
}

/** The one page of the album. */
export function page({ photos, name, slot, chat }: PageState): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Album</title>
<style>
body { font: 1.1rem/1.5 system-ui; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1rem; }
figure { margin: 0; } img { width: 100%; border-radius: .5rem; }
</style>
<h1>Album</h1>
${name === '' ? signIn : upload(name)}
<main>
${photos.map(figure).join('\n')}
</main>
<footer>${slot === '' ? '' : `served by slot <strong>${escaped(slot)}</strong>`}</footer>
${chat === '' ? '' : `<script type="module" src="${escaped(chat)}/chat.js"></script>`}
</html>
`;
}

const signIn = `<form method="post" action="/sign-in">
<label>Your name <input name="name" required maxlength="60" autocomplete="name"></label> <button>Come in</button>
<details><summary>I look after this album</summary><label>Key <input name="key" type="password" autocomplete="current-password"></label></details>
</form>`;

const upload = (name: string): string => `<form id="upload">
<p>Hello ${escaped(name)}.</p>
<label>Picture <input type="file" name="picture" accept="image/png,image/jpeg,image/webp" required></label>
<label>Caption <input name="caption" required maxlength="200"></label> <button>Hang it up</button>
<output role="status"></output>
</form>
<script>
upload.onsubmit = async (event) => {
  event.preventDefault();
  const form = new FormData(upload), picture = form.get('picture');
  const answer = await fetch('/photos?caption=' + encodeURIComponent(form.get('caption')), { method: 'POST', body: picture, headers: { 'content-type': picture.type } });
  if (answer.ok) location.reload();
  else upload.querySelector('output').textContent = await answer.text();
};
</script>`;

const figure = ({ author, caption, file }: Photo): string =>
  `<figure><img src="/uploads/${escaped(file)}" alt="${escaped(caption)}" loading="lazy"><figcaption>${escaped(caption)}, by ${escaped(author)}</figcaption></figure>`;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
