/** Events of a conversation as it really goes, for screenshots and for tests that need one of everything. */
import type { ChatEventBody } from '@greenroom/sdk/chat';
import { type AttemptView, STEP_NAMES, type StepName, type StepStatus } from '@greenroom/sdk/wire';
import { ADA, LIVE, PREVIOUS } from './fixture.ts';

/** An attempt whose steps have gone as far as `at`, which runs or has failed. */
export function attempt(change: Partial<AttemptView> = {}, at: { step: StepName; status: StepStatus } | null = null): AttemptView {
  const reached = at ? STEP_NAMES.indexOf(at.step) : STEP_NAMES.length;
  const statusOf = (index: number): StepStatus => (index < reached ? 'succeeded' : index === reached && at ? at.status : 'pending');
  const details: Partial<Record<StepName, string>> = {
    resolve: 'the commit is on machine',
    gate: '2 files, 18 lines: nothing against it',
    boot: 'listens on port 41877',
    probe: 'GET /healthz 200, GET /api/ping 200',
    promote: 'slot b is live',
  };
  return {
    id: 'd1',
    kind: 'deploy',
    status: 'succeeded',
    promoted: at === null || reached > STEP_NAMES.indexOf('promote'),
    commit: LIVE,
    branch: 'machine',
    slot: 'b',
    previous_commit: PREVIOUS,
    trigger: 'agent',
    caller: 'agent-socket',
    reason: '',
    requested_at: '2026-02-03T10:00:00Z',
    started_at: '2026-02-03T10:00:00Z',
    finished_at: '',
    duration_ms: at ? 0 : 612,
    steps: STEP_NAMES.map((step, index) => ({
      step,
      status: statusOf(index),
      started_at: '',
      duration_ms: index < reached ? 12 + index * 31 : 0,
      ...(index < reached && details[step] ? { detail: details[step] } : {}),
    })),
    ...change,
  };
}

export const FAILED = attempt(
  {
    id: 'd0',
    status: 'failed',
    commit: '77aa88bb99cc00dd11ee22ff33445566778899aa',
    step: 'probe',
    code: 'deep_check_failed',
    error: 'GET /api/ping answered 500 instead of 200.',
    evidence: {
      request: {
        method: 'GET',
        url: 'http://127.0.0.1:41875/api/ping',
        expected: 'status 200',
        status: 500,
        body: '{"error":"relation \\"entries\\" has no column \\"theme\\""}',
      },
      log_tail: ['listening on 41875', 'GET /api/ping', 'Error: no such column: theme', '    at all (server.ts:41:9)'],
      log_file: '/srv/guestbook/logs/boot-d0.log',
      remedy: 'Read the answer and the log, repair the app, commit and deploy again.',
    },
  },
  { step: 'probe', status: 'failed' },
);

const DIFF = `@@ -12,7 +12,9 @@
 <header>
-  <h1>Guestbook</h1>
+  <h1>Guestbook</h1>
+  <button id="theme" aria-pressed="false">Dark</button>
 </header>
@@ -40,3 +42,4 @@
   <script src="/app.js"></script>
+  <script src="/theme.js"></script>
 </body>`;

const ANSWER = `The guestbook has a **dark mode** now:

- a button in the header that remembers the choice in \`localStorage\`
- colours as custom properties in \`public/style.css\`
- the system's preference as the default

\`\`\`css
:root { color-scheme: light dark; --ground: light-dark(#fff, #14171a); }
\`\`\`

| where | before | now |
|---|---|---|
| first paint | light | the system's |
| after a click | – | kept for this browser |

Open [the guestbook](/) and press the moon. [More about color-scheme](https://developer.mozilla.org/docs/Web/CSS/color-scheme).`;

/** One whole turn, with a refused deploy and its repair. */
export const STORY: ChatEventBody[] = [
  { kind: 'message', id: 'm1', text: 'Please add a dark mode.\nIt should follow the system, with a button to switch.', user: ADA },
  { kind: 'turn', status: 'running', detail: '', agent: 'OpenCode 1.18.33', session: 'new' },
  {
    kind: 'thought',
    block: 'b1',
    delta: 'The styles are in public/style.css; colours are written out in eleven places. Custom properties first, then the button.',
  },
  { kind: 'text', block: 'b2', delta: 'I will look at how the page is styled first.' },
  {
    kind: 'tool',
    call: 'k1',
    title: 'Read public/style.css',
    tool: 'read',
    status: 'completed',
    input: 'public/style.css',
    content: [{ type: 'text', text: 'body { background: #fff }\nheader { color: #222 }' }],
  },
  { kind: 'tool', call: 'k2', title: 'Search "#[0-9a-f]{3,6}" in public/', tool: 'search', status: 'completed' },
  {
    kind: 'plan',
    entries: [
      { text: 'Colours as custom properties', status: 'completed' },
      { text: 'A button that switches and remembers', status: 'in_progress' },
      { text: 'Deploy', status: 'pending' },
    ],
  },
  {
    kind: 'tool',
    call: 'k3',
    title: 'Edit public/index.html',
    tool: 'edit',
    status: 'completed',
    content: [{ type: 'diff', path: 'public/index.html', change: 'changed', diff: DIFF, added: 3, removed: 1 }],
    locations: [{ path: 'public/index.html', line: 12 }],
  },
  {
    kind: 'permission',
    request: 'p0',
    call: 'k4',
    title: 'Run npm test',
    options: [{ id: 'y', name: 'Allow once', kind: 'allow_once' }],
    status: 'answered',
    option: 'y',
    by: 'Ada',
  },
  {
    kind: 'tool',
    call: 'k4',
    title: 'npm test',
    tool: 'execute',
    status: 'failed',
    input: 'npm test',
    content: [{ type: 'text', text: '\u001b[31m✖ theme.test.ts\u001b[0m\n  expected "dark", got "light"\n\ntests 14, failed 1' }],
  },
  {
    kind: 'commit',
    commit: '77aa88bb99cc00dd11ee22ff33445566778899aa',
    subject: 'Add a dark mode with a switch',
    files: 3,
    added: 64,
    removed: 12,
  },
  { kind: 'attempt', journal_seq: 5, attempt: FAILED },
  { kind: 'text', block: 'b3', delta: 'The check found a column that the database lacks. I will add it and try again.' },
  { kind: 'commit', commit: LIVE, subject: 'Add the theme column', files: 1, added: 6, removed: 0 },
  { kind: 'attempt', journal_seq: 19, attempt: attempt() },
  { kind: 'text', block: 'b4', delta: ANSWER },
  { kind: 'turn', status: 'completed', detail: '' },
];

/** What is under way when a second message has been sent. */
export const UNDER_WAY: ChatEventBody[] = [
  { kind: 'message', id: 'm2', text: 'Make the button a moon instead of a word.', user: ADA },
  { kind: 'turn', status: 'running', detail: '', agent: 'OpenCode 1.18.33', session: 'resumed' },
  { kind: 'tool', call: 'k9', title: 'Edit public/index.html', tool: 'edit', status: 'in_progress' },
  {
    kind: 'permission',
    request: 'p1',
    call: 'k9',
    title: 'Edit public/index.html outside of the workspace?',
    options: [
      { id: 'once', name: 'Allow once', kind: 'allow_once' },
      { id: 'always', name: 'Always allow', kind: 'allow_always' },
      { id: 'no', name: 'Reject', kind: 'reject_once' },
    ],
    status: 'asked',
  },
  {
    kind: 'attempt',
    journal_seq: 30,
    attempt: attempt(
      {
        id: 'd2',
        status: 'running',
        commit: '5566778899aabbccddeeff00112233445566aabb',
        approval: {
          state: 'waiting',
          since: '2026-02-03T10:05:00Z',
          until: '2026-02-03T10:35:00Z',
          preview_path: '/.greenroom/preview/abc',
          by: '',
          reason: '',
        },
      },
      { step: 'promote', status: 'pending' },
    ),
  },
];
