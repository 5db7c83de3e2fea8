import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanText } from '../lib/scan.ts';

const machineFolder = ['', 'work', 'main'].join('/');

test('paths of one machine are found, with file and line', () => {
  assert.deepEqual(scanText('a.md', `fine\nsee ${machineFolder}\n`), [`a.md:2: a path of one machine: ${machineFolder}`]);
  assert.equal(scanText('a.md', `cd ${['', 'home', 'alice', 'app'].join('/')}`).length, 1);
});

test('paths that any machine may have pass', () => {
  assert.deepEqual(scanText('a.md', 'docs/work/plan, /tmp/gr-1/t, ./home/page, https://example.org/work/1'), []);
});

test('registry hosts and download addresses of lock files are found', () => {
  assert.equal(scanText('.npmrc', `registry=https:${'//registry'}.example.org/`).length, 1);
  assert.equal(scanText('package-lock.json', '      "resolved": "file:x.tgz"').length, 1);
  assert.deepEqual(scanText('package-lock.json', '      "resolved": "packages/sdk"'), []);
  assert.deepEqual(scanText('examples/a/package-lock.json', '      "resolved": "../../packages/sdk"'), []);
  assert.deepEqual(scanText('other.json', '"resolved": "x"'), []);
});

test('binary files are left alone', () => {
  assert.deepEqual(scanText('a.png', `\0${machineFolder}`), []);
});
