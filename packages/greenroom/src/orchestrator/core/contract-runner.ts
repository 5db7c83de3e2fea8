/** The field of the contract that says how instances run. */
import { z } from 'zod';
import { text } from './contract-parts.ts';
import { IMAGE_NAME, RELATIVE_FILE } from './contract-patterns.ts';

export const CONTAINER_PROGRAMS = ['podman', 'docker'] as const;
export type ContainerProgram = (typeof CONTAINER_PROGRAMS)[number];

export const runnerSettings = z
  .object(
    {
      kind: z
        .enum(['process', 'container'], { error: 'one of "process", "container"' })
        .default('process')
        .describe('How an instance runs: as a process of this machine, or as a container.'),
      program: z
        .enum(CONTAINER_PROGRAMS, { error: 'one of "podman", "docker"' })
        .default('podman')
        .describe('Containers only: the program that runs them.'),
      image: text(IMAGE_NAME, 'the name of an image such as "docker.io/library/node:24-slim"')
        .optional()
        .describe('Containers only: image that the release runs in. The release itself is mounted into it, read-only.'),
      build: text(RELATIVE_FILE, 'the path of a Containerfile, relative to the top of the repository')
        .optional()
        .describe('Containers only, instead of `image`: file of the release from which an image is built for each commit.'),
    },
    { error: 'an object of settings, for example { "kind": "container", "image": "docker.io/library/node:24-slim" }' },
  )
  .prefault({})
  .describe('How the app runs.');

/**
 * Names of variables that the container programs themselves, the C library or the Go runtime act on. What an app is given under such a name cannot be
 * handed over in the program's own environment, and anywhere else others could read it.
 */
const READ_BY_PROGRAMS =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|LANG|LC_.*|TZ|TERM|GO[A-Z]+|LD_.*|XDG_.*|DBUS_.*|CONTAINERS?_.*|DOCKER_.*|BUILDAH_.*|REGISTRY_.*|STORAGE_.*|SSL_CERT_.*|NOTIFY_SOCKET|LISTEN_.*|_.*|https?_proxy|no_proxy)$/i;

export function isReadByPrograms(name: string): boolean {
  return READ_BY_PROGRAMS.test(name);
}
