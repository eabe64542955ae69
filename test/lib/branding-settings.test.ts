import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lazy } from 'aws-cdk-lib';
import { brandingOf } from '../../lib/settings/branding-settings.ts';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-icon-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const svg = '<svg xmlns="http://www.w3.org/2000/svg"/>';
const png = Buffer.from('iVBORw0KGgo=', 'base64');

test.each([
  ['icon.svg', Buffer.from(svg), 'image/svg+xml'],
  ['icon.PNG', png, 'image/png'],
])('the icon %s becomes a data URL of its type', (name, content, type) => {
  const settings = resolveSettings({ icon: fileOf(name, content) });
  expect(brandingOf(settings).icon).toBe(`data:${type};base64,${content.toString('base64')}`);
});

test.each<[problem: string, icon: () => string, message: string]>([
  ['another format', () => fileOf('icon.gif', 'GIF89a'), 'name a file that ends in .png or .svg'],
  ['no file', () => join(folder, 'missing.png'), 'does not exist'],
  ['a larger file', () => fileOf('large.svg', svg.padEnd(16_385)), 'has 16385 bytes: choose a file of at most 16384'],
  ['a page in place of an SVG', () => fileOf('page.svg', '<!doctype html><p>'), 'whose content is not image/svg+xml'],
  ['a JPEG in place of a PNG', () => fileOf('photo.png', '\xff\xd8\xff'), 'whose content is not image/png'],
])('an icon that is %s is rejected', (_problem, icon, message) => {
  expect(() => resolveSettings({ icon: icon() })).toThrow(message);
});

test('an icon of 16 kB is accepted', () => {
  expect(() => resolveSettings({ icon: fileOf('limit.svg', svg.padEnd(16_384)) })).not.toThrow();
});

test.each([
  ['empty', ' ', 'choose 1 to 64 characters'],
  ['too long', 'n'.repeat(65), 'choose 1 to 64 characters'],
  ['of two lines', 'Acme\nNotes', 'without control characters'],
  ['of reversed direction', 'Acme \u202esetoN', 'without control characters'],
  ['a token', Lazy.string({ produce: () => 'Acme' }), 'known at deployment only'],
])('a name that is %s is rejected', (_problem, name, message) => {
  expect(() => resolveSettings({ name })).toThrow(message);
});
