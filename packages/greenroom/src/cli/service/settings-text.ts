/** What the environment files of services begin as: nothing set, and what could be. */

export function orchestratorSettings(app: string): string {
  return `${[
    `# Environment of the orchestrator of ${app}: NAME=value lines, read when its service starts. Not for the app, which has secrets.env.`,
    '# GITHUB_TOKEN=                 for a repository on GitHub; GREENROOM_GIT_TOKEN= for another',
    '# GREENROOM_WEBHOOK_SECRET=     the secret of the webhook; docs/guides/github.md has the rest',
    '# GREENROOM_SMTP_URL=           for alerts by e-mail',
  ].join('\n')}\n`;
}

export function chatSettings(app: string): string {
  return `${[
    `# Environment of the chat of ${app} and of its coding agent: NAME=value lines, read when its service starts.`,
    '# Tokens for the chat belong into secrets.env; here goes what the agent takes from its environment, when its contract says so.',
  ].join('\n')}\n`;
}
