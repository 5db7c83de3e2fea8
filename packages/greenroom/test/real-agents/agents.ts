import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const INSTALLED = resolve(import.meta.dirname, '../../../../test/agents');
/** What the agents send to the model as their key. */
export const MODEL_KEY = 'stand-in-key-of-the-model';
const MODEL_NAME = 'stand-in';

export type AgentName = 'opencode' | 'gemini' | 'codex' | 'pi' | 'claude';

export interface RealAgent {
  preset: AgentName;
  /** Name and version as the agent says them in `initialize`. */
  says: RegExp;
  /** Programs that have to be on its PATH: name, and path below `test/agents`. */
  programs: Record<string, string>;
  /** Reaches Greenroom's tools over MCP; the others use the command. */
  mcp: boolean;
  /** What becomes of its session in the next turn. */
  sessions: ('resumed' | 'summarised')[];
  /** Tells what its commands print. */
  tellsOutput: boolean;
  /** Variable with the model's key. */
  keyVariable: string;
  /** Writes what it needs below its home, and answers its variables. */
  configure(home: string, model: string): Record<string, string>;
}

/** Each as it is installed, with settings that keep it from asking anything but the given model. */
export const realAgents: Record<AgentName, RealAgent> = {
  opencode: {
    preset: 'opencode',
    says: /opencode.*1\.18\.33/i,
    programs: { opencode: 'node_modules/opencode-linux-x64-baseline/bin/opencode' },
    mcp: true,
    sessions: ['resumed'],
    tellsOutput: true,
    keyVariable: 'STAND_IN_KEY',
    configure: (_home, model) => ({
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        provider: {
          local: {
            npm: '@ai-sdk/openai-compatible',
            name: 'Stand-in',
            options: { baseURL: `${model}/v1`, apiKey: '{env:STAND_IN_KEY}' },
            models: { [MODEL_NAME]: { name: MODEL_NAME } },
          },
        },
        model: `local/${MODEL_NAME}`,
        small_model: `local/${MODEL_NAME}`,
        permission: { edit: 'ask', bash: 'ask' },
        share: 'disabled',
      }),
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
      OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    }),
  },
  gemini: {
    preset: 'gemini',
    says: /gemini.*0\.61\.0/i,
    programs: { gemini: 'node_modules/.bin/gemini' },
    mcp: true,
    // To load a session of the same minute overwrites it first, in this version: then there is nothing to load.
    sessions: ['resumed', 'summarised'],
    tellsOutput: false,
    keyVariable: 'GEMINI_API_KEY',
    configure(home, model) {
      write(join(home, '.gemini/settings.json'), {
        security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false },
        telemetry: { enabled: false },
        model: { name: 'gemini-2.5-flash' },
      });
      return { GOOGLE_GEMINI_BASE_URL: model };
    },
  },
  codex: {
    preset: 'codex',
    says: /codex.*2\.6\.0/i,
    programs: { 'codex-acp': 'node_modules/.bin/codex-acp' },
    mcp: true,
    sessions: ['resumed'],
    tellsOutput: true,
    keyVariable: 'STAND_IN_KEY',
    configure(home, model) {
      const lines = [
        `model = "${MODEL_NAME}"`,
        'model_provider = "local"',
        'check_for_update_on_startup = false',
        '[model_providers.local]',
        'name = "Stand-in"',
        `base_url = "${model}/v1"`,
        'wire_api = "responses"',
        'env_key = "STAND_IN_KEY"',
        'supports_websockets = false',
        '[analytics]',
        'enabled = false',
      ];
      write(join(home, '.codex/config.toml'), `${lines.join('\n')}\n`);
      return { CODEX_HOME: join(home, '.codex') };
    },
  },
  pi: {
    preset: 'pi',
    says: /pi.*0\.0\.34/i,
    programs: { 'pi-acp': 'node_modules/.bin/pi-acp', pi: 'node_modules/.bin/pi' },
    mcp: false,
    sessions: ['resumed'],
    tellsOutput: true,
    keyVariable: 'STAND_IN_KEY',
    configure(home, model) {
      const local = { baseUrl: `${model}/v1`, api: 'openai-completions', apiKey: 'STAND_IN_KEY', models: [{ id: MODEL_NAME }] };
      write(join(home, '.pi/agent/models.json'), { providers: { local } });
      write(join(home, '.pi/agent/settings.json'), { defaultProvider: 'local', defaultModel: MODEL_NAME });
      return { PI_OFFLINE: '1' };
    },
  },
  claude: {
    preset: 'claude',
    says: /claude.*0\.101\.0/i,
    programs: { 'claude-agent-acp': 'claude/node_modules/.bin/claude-agent-acp' },
    mcp: true,
    sessions: ['resumed'],
    tellsOutput: true,
    keyVariable: 'ANTHROPIC_API_KEY',
    configure: (home, model) => ({
      ANTHROPIC_BASE_URL: model,
      CLAUDE_CONFIG_DIR: join(home, '.claude'),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      ENABLE_TOOL_SEARCH: 'false',
    }),
  },
};

/** Makes a folder of the agent's programs. Fails when one is not installed: a test of it must not pass then. */
export function linkPrograms(agent: RealAgent, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, path] of Object.entries(agent.programs)) {
    const program = join(INSTALLED, path);
    if (!existsSync(program))
      throw new Error(`${agent.preset} is not installed: test/agents/${path} is missing. Its README says how to install it`);
    symlinkSync(program, join(folder, name));
  }
}

function write(file: string, content: string | object): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
}
