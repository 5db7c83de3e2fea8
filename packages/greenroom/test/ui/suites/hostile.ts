import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { ChatEventBody } from '@greenroom/sdk/chat';
import { type Play, read } from '../stage.ts';
import { attempt, FAILED } from '../story.ts';

const EVIL = `<img src=x onerror="alert('x')"><script>alert('x')</script><svg onload=alert('x')><iframe srcdoc="<script>parent.alert('x')</script>">`;
const MARKDOWN = `${EVIL}

[a](javascript:alert('x')) [b](JaVaScRiPt:alert('x')) [c](data:text/html,<script>alert('x')</script>) [d](&#106;avascript:alert('x')) [e](java\tscript:alert('x'))
[f](https://example.com/" onmouseover="alert('x')) ![g](https://tracker.example/pixel.png) ![h](javascript:alert('x')) <javascript:alert('x')>

[ok](https://example.com/ok) [path](/guestbook) [host](//evil.example/x) [file](src/app.ts)

<form action="https://evil.example"><input name=token><button>Log in</button></form><style>*{display:none}</style><a href="javascript:alert('x')">raw</a>

\`\`\`html
${EVIL}
\`\`\`

| ${EVIL} | b |
|---|---|
| <b onclick=alert(1)>x</b> | c |

- [x] done <input autofocus onfocus=alert('x')>
`;
const TERMINAL =
  '\u001b[31mred\u001b[0m \u001b]8;;http://evil.example\u0007link\u001b]8;;\u0007 \u001b[2J\u001b[1;1H \u0007\u0008 \u202Egnp.exe\u202C end';

/** Everything that others wrote is text. */
export function hostile(play: Play): void {
  test(
    'script, markup, links, escapes and reordering marks are shown and do nothing',
    play(async ({ fixture, page, open }) => {
      const requests: string[] = [];
      page.on('request', (request) => requests.push(request.url()));
      fixture.session = { ...fixture.session, app: EVIL, agent: EVIL };
      const { id } = fixture.conversation(EVIL);
      const user = { id: 'eve', name: EVIL };
      const events: ChatEventBody[] = [
        { kind: 'message', id: 'm', text: `${EVIL}\n${TERMINAL}`, user },
        { kind: 'turn', status: 'running', detail: '', agent: EVIL },
        { kind: 'text', block: 'b', delta: MARKDOWN },
        { kind: 'thought', block: 'c', delta: MARKDOWN },
        {
          kind: 'tool',
          call: 'k',
          title: `${EVIL} ${TERMINAL}`,
          tool: 'edit',
          status: 'failed',
          input: EVIL,
          content: [
            { type: 'text', text: `${EVIL}\n${TERMINAL}` },
            {
              type: 'diff',
              path: `${EVIL}\u202Egnp.js`,
              change: 'added',
              diff: `@@ -0,0 +1,2 @@\n+${EVIL}\n+${TERMINAL}`,
              added: 2,
              removed: 0,
            },
          ],
          locations: [{ path: EVIL }],
        },
        { kind: 'plan', entries: [{ text: EVIL, status: 'pending' }] },
        {
          kind: 'permission',
          request: 'p',
          call: 'k',
          title: EVIL,
          options: [{ id: 'o', name: EVIL, kind: 'allow_once' }],
          status: 'asked',
        },
        { kind: 'commit', commit: EVIL, subject: EVIL, files: 1, added: 1, removed: 0 },
        {
          kind: 'attempt',
          journal_seq: 1,
          attempt: {
            ...FAILED,
            branch: EVIL,
            error: EVIL,
            evidence: { remedy: EVIL, rule: EVIL, file: EVIL, log_tail: [EVIL, TERMINAL], log_file: EVIL },
          },
        },
        {
          kind: 'attempt',
          journal_seq: 2,
          attempt: attempt({
            id: 'd9',
            status: 'running',
            approval: { state: 'waiting', since: '', until: '', preview_path: "javascript:alert('x')", by: '', reason: '' },
          }),
        },
        { kind: 'notice', level: 'error', text: EVIL },
        { kind: 'turn', status: 'interrupted', detail: EVIL, uncommitted: [EVIL] },
      ];
      fixture.append(id, 't', ...events);
      await open();
      await page.locator('.notice.error').waitFor();
      for (const toggle of ['.thought-head', '.notice summary']) await page.locator(toggle).click();
      await page.locator('.thought-body').waitFor();

      const bad = `[...chat.querySelectorAll('*')].filter((one) => /^(script|img|iframe|form|input|style|object|embed|video|audio|base|link|meta)$/i.test(one.localName) && !one.closest('.composer')
        || [...one.attributes].some((a) => /^on/i.test(a.name) || /javascript:|data:/i.test(a.value.replace(/\\s/g, '')) && a.name === 'href')).map((one) => one.outerHTML)`;
      assert.deepEqual(await read(page, bad), []);
      const links = await read<string[]>(
        page,
        "[...chat.querySelectorAll('a')].map((a) => a.getAttribute('href') + ' ' + a.target + ' ' + a.rel)",
      );
      const expected = 'https://example.com/ok _blank noopener noreferrer nofollow';
      assert.ok(links.includes(expected), links.join('\n'));
      for (const link of links) assert.match(link, /^(https:\/\/|\/guestbook).* _blank noopener noreferrer nofollow$/);
      // What would be a picture is a link, and nothing outside was asked for.
      assert.ok(links.some((link) => link.startsWith('https://tracker.example/pixel.png')));
      assert.deepEqual(
        requests.filter((url) => !url.startsWith(fixture.origin)),
        [],
      );
      assert.equal(await page.getByRole('link', { name: 'Preview' }).count(), 0);

      const text = await read<string>(page, "chat.querySelector('.chat').innerText");
      assert.ok(text.includes("<script>alert('x')</script>"));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
      assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e]/);
      assert.ok(text.includes('‹U+202E›gnp.exe') && text.includes('red link'));
    }),
  );

  test(
    'very long output and words do not break the page',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation('x'.repeat(5_000));
      fixture.append(
        id,
        't',
        { kind: 'message', id: 'm', text: 'w'.repeat(20_000), user: { id: 'e', name: 'n'.repeat(3_000) } },
        {
          kind: 'text',
          block: 'b',
          delta: `${'y'.repeat(20_000)}\n\n\`\`\`\n${'z'.repeat(20_000)}\n\`\`\`\n\n|${'a'.repeat(500)}|${'b'.repeat(500)}|\n|-|-|\n`,
        },
        {
          kind: 'tool',
          call: 'k',
          title: 't'.repeat(5_000),
          tool: 'execute',
          status: 'failed',
          content: [{ type: 'text', text: `${'o'.repeat(3_000_000)}\nlast`, omitted: 50_000_000 }],
        },
      );
      await open();
      await page.getByText('52.6 MB left out').waitFor();
      await page.getByRole('button', { name: 'Show all' }).click();
      await page.getByRole('button', { name: 'Show less' }).waitFor();
      assert.ok((await read<number>(page, "chat.querySelector('.output pre').textContent.length")) <= 400_000);
      assert.equal(
        await read(
          page,
          "chat.querySelector('.log').scrollWidth <= chat.querySelector('.log').clientWidth && document.documentElement.scrollWidth <= innerWidth",
        ),
        true,
      );
    }),
  );
}
