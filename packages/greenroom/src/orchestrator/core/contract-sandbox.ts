/** Fields of the contract that say what is to be seen from within a sandbox. */
import { z } from 'zod';
import { list, text } from './contract-parts.ts';
import { SANDBOX_PATH } from './contract-patterns.ts';

export const sandboxMode = () => z.enum(['auto', 'require', 'off'], { error: '"auto", "require" or "off"' }).default('auto');

export const sandboxPaths = () =>
  list(
    text(SANDBOX_PATH, 'an absolute path, or one below the home that begins with "~/"'),
    'a list of paths, for example ["/srv/models", "~/.gitconfig"]',
  ).default([]);
