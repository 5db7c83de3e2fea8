/** Something that could not be known, and what to do about it. `field` is the contract's field that it concerns. */
export interface Unknown {
  field: string;
  text: string;
}

/** What one language's detector found out about an app. Empty strings and lists where it found nothing. */
export interface Stack {
  language: 'node' | 'python' | 'ruby' | 'go' | 'procfile';
  /** `express`, `django`, `rails`…; `plain` when no framework was recognised. */
  framework: string;
  packageManager: string;
  startCommand: string;
  setupCommand: string;
  /** Manifests and lock files that the app has. */
  setupInputs: string[];
  /** What setup and start write into the app's folder; git has to ignore it. */
  outputs: string[];
  /** The start command builds first, which takes its time. */
  builds: boolean;
  /** The start command or the framework brings the app to `PORT` by itself, whatever the sources say. */
  portByCommand: boolean;
  env: Record<string, string>;
  /** Whether more than a manifest was recognised; decides between several languages in one folder. */
  certain: boolean;
  unknowns: Unknown[];
  explanations: string[];
}

/** What is known about an app from the files in its folder. */
export interface Detection {
  /** Absolute path. */
  directory: string;
  kind: Stack['language'] | 'unknown';
  framework: string;
  packageManager: string;
  startCommand: string;
  setupCommand: string;
  setupInputs: string[];
  builds: boolean;
  /** Free on this machine when it was looked for. */
  port: number;
  /** 0 for an app that does not read INTERNAL_PORT. */
  internalPort: number;
  healthEndpoint: string;
  sharedPaths: string[];
  secrets: string[];
  env: Record<string, string>;
  humanBranch: string;
  unknowns: Unknown[];
  explanations: string[];
}

export function emptyStack(language: Stack['language']): Stack {
  return {
    language,
    framework: 'plain',
    packageManager: '',
    startCommand: '',
    setupCommand: '',
    setupInputs: [],
    outputs: [],
    builds: false,
    portByCommand: false,
    env: {},
    certain: false,
    unknowns: [],
    explanations: [],
  };
}
