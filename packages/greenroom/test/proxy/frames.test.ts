import assert from 'node:assert/strict';
import test from 'node:test';
import { closeFrame, createFrameScanner } from '../../src/proxy/splice/frames.ts';

/** Frames of every length encoding, masked and not, and where each ends. */
function stream(): { bytes: Buffer; ends: number[] } {
  const frames = [0, 1, 125, 126, 300, 65_536].flatMap((length) => [frame(0x82, length, false), frame(0x01, length, true)]);
  const ends = frames.map((_, i) => frames.slice(0, i + 1).reduce((sum, each) => sum + each.length, 0));
  return { bytes: Buffer.concat(frames), ends };
}

function frame(first: number, length: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = first;
  head[1] = mask | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  // A payload that looks like Close frames must not be taken for one.
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), Buffer.alloc(length, 0x88)]);
}

test('every end of a frame is found, however the bytes are cut', () => {
  const { bytes, ends } = stream();
  for (const step of [1, 2, 3, 7, 1_000, 65_536, bytes.length]) {
    const scanner = createFrameScanner();
    const found: number[] = [];
    for (let start = 0; start < bytes.length; start += step) {
      const end = Math.min(start + step, bytes.length);
      for (let at = start; at < end; ) {
        at += scanner.scan(bytes.subarray(at, end), true);
        if (scanner.atBoundary()) found.push(at);
      }
    }
    assert.deepEqual(found, ends, `in pieces of ${step}`);
    assert.equal(scanner.sawClose(), false);
  }
});

test('a Close frame is seen when it is whole, and only then', () => {
  for (const masked of [false, true]) {
    const scanner = createFrameScanner();
    const bytes = closeFrame(masked);
    scanner.scan(bytes.subarray(0, bytes.length - 1), false);
    assert.equal(scanner.sawClose(), false);
    scanner.scan(bytes.subarray(-1), false);
    assert.equal(scanner.sawClose(), true);
    assert.ok(scanner.atBoundary());
  }
});
