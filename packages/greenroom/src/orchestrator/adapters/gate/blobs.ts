import { type Git, GitError } from '../git/git.ts';

interface ObjectBytes {
  id: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Objects are read together up to this size, so that memory holds one batch at most. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** The header that `cat-file --batch` writes before each object, and the line end after it. */
const FRAME_BYTES = 128;

/** Sizes of objects, by id. Throws `GitError` when one is missing. */
export async function objectSizes(git: Git, ids: readonly string[], signal: AbortSignal): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  if (ids.length === 0) return sizes;
  const text = await git.text(['cat-file', '--batch-check=%(objectname) %(objectsize)'], { input: `${ids.join('\n')}\n`, signal });
  for (const line of text.split('\n')) {
    const [, id, size] = /^([0-9a-f]+) (\d+)$/.exec(line) ?? [];
    if (id === undefined) throw new GitError('failed', `git cannot read an object of the commit: ${line}`);
    sizes.set(id, Number(size));
  }
  return sizes;
}

/** Contents of objects of any kind, in batches. The memory of each content is its own. Throws `GitError` when one is missing. */
export async function* objectBatches(git: Git, ids: readonly string[], signal: AbortSignal): AsyncGenerator<ObjectBytes[]> {
  const sizes = await objectSizes(git, ids, signal);
  let batch: string[] = [];
  let bytes = 0;
  for (const id of new Set(ids)) {
    const size = (sizes.get(id) ?? 0) + FRAME_BYTES;
    if (batch.length > 0 && bytes + size > BATCH_BYTES) {
      yield await readObjects(git, batch, bytes, signal);
      batch = [];
      bytes = 0;
    }
    batch.push(id);
    bytes += size;
  }
  if (batch.length > 0) yield await readObjects(git, batch, bytes, signal);
}

async function readObjects(git: Git, ids: readonly string[], maxBytes: number, signal: AbortSignal): Promise<ObjectBytes[]> {
  const output = await git.must(['cat-file', '--batch'], { input: `${ids.join('\n')}\n`, maxBytes: maxBytes + FRAME_BYTES, signal });
  const objects: ObjectBytes[] = [];
  let at = 0;
  for (const id of ids) {
    const end = output.indexOf('\n', at);
    const [name, , size] = output.toString('latin1', at, end).split(' ');
    const length = Number(size);
    if (name !== id || !Number.isInteger(length)) throw new GitError('failed', `git cannot read object ${id}`);
    const bytes = new Uint8Array(length);
    bytes.set(output.subarray(end + 1, end + 1 + length));
    objects.push({ id, bytes });
    at = end + 1 + length + 1;
  }
  return objects;
}
