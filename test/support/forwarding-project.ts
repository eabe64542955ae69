import { type Edit, type Resources, replaceText } from '../../bench/harness/assembly.ts';

const placeholder = 'http://127.0.0.1:1/mcp';

/** The project with a server that forwards to the setting `upstreams.orders`. */
export const forwardingEdits: readonly Edit[] = [
  ['bin/holdfast.ts', '...settings,', `...settings, upstreams: { orders: { url: '${placeholder}' } },`],
  ['test/support/fixture-server.ts', 'StateConflict,', 'StateConflict, upstream,'],
  [
    'test/support/fixture-server.ts',
    'export function createServer(',
    `export const createServer = upstream({ name: 'orders' });\n\nexport function createFixture(`,
  ],
];

/** Replaces the URL of the server. */
export const forwardTo =
  (url: string) =>
  (resources: Resources): void =>
    replaceText(resources, placeholder, url);
