import type { AgentPreset } from '@greenroom/sdk/wire';

/** What is known of an agent: how it is started and what keeps it from working without a person at its terminal. */
export interface Preset {
  /** For people. */
  name: string;
  program: string;
  args: readonly string[];
  /** Unless the contract says otherwise. `asks`: with a policy other than `allow`, so that the agent asks at all. */
  environment: Record<string, string>;
  asks?: Record<string, string>;
  /** Session mode in which it asks before it acts, where it has modes. */
  mode?: string;
  /** As sentences: how to get it, how to log in. */
  install: string;
  login: string;
}

/** In the order in which they are looked for. */
export const PRESETS: Record<AgentPreset, Preset> = {
  opencode: {
    name: 'OpenCode',
    program: 'opencode',
    args: ['acp'],
    environment: { OPENCODE_DISABLE_AUTOUPDATE: '1' },
    asks: { OPENCODE_CONFIG_CONTENT: JSON.stringify({ permission: { edit: 'ask', bash: 'ask' } }) },
    install: 'Install it with: npm install -g opencode-ai',
    login: 'Run "opencode auth login" as the user that runs Greenroom, or name the key of its model in "agent.secrets" of the contract.',
  },
  claude: {
    name: 'Claude Code',
    program: 'claude-agent-acp',
    args: [],
    environment: {},
    mode: 'default',
    install: 'Install it with: npm install -g @agentclientprotocol/claude-agent-acp',
    login: 'Run "claude" once as the user that runs Greenroom and log in, or name ANTHROPIC_API_KEY in "agent.secrets" of the contract.',
  },
  codex: {
    name: 'Codex',
    program: 'codex-acp',
    args: [],
    // In its other modes it may not write to .git, and so cannot commit.
    environment: { INITIAL_AGENT_MODE: 'agent-full-access' },
    install: 'Install it with: npm install -g @agentclientprotocol/codex-acp @openai/codex',
    login: 'Run "codex login" as the user that runs Greenroom, or name OPENAI_API_KEY in "agent.secrets" of the contract.',
  },
  gemini: {
    name: 'Gemini CLI',
    program: 'gemini',
    args: ['--acp', '--skip-trust'],
    environment: {},
    install: 'Install it with: npm install -g @google/gemini-cli',
    login: 'Run "gemini" once as the user that runs Greenroom and log in, or name GEMINI_API_KEY in "agent.secrets" of the contract.',
  },
  pi: {
    name: 'pi',
    program: 'pi-acp',
    args: [],
    environment: {},
    install: 'Install it with: npm install -g pi-acp @earendil-works/pi-coding-agent',
    login: 'Run "pi" once as the user that runs Greenroom and log in, or name the key of its model in "agent.secrets" of the contract.',
  },
  goose: {
    name: 'goose',
    program: 'goose',
    args: ['acp'],
    environment: {},
    install: 'See https://block.github.io/goose for how to install it.',
    login: 'Run "goose configure" as the user that runs Greenroom, or name the key of its model in "agent.secrets" of the contract.',
  },
};
