import { auditedError } from '../../../lambda/core/audit/audited-error.ts';
import type { ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

/** An error with this stack, as a function of a deployment shows it. */
const thrown = (frames: string[], name = 'Error', message = 'It failed') =>
  Object.assign(new Error(message), { name, stack: [`${name}: ${message}`, ...frames].join('\n') });

async function fingerprint(error: unknown, call: Partial<ToolCall> = {}) {
  return (await auditedError(toolCall({ id: 'c', at: 0, ...call }), error, { errors: 'class' })).errorFingerprint;
}

const bundled = '    at parse (/var/task/index.js:10:20)';
const frames = [bundled, '    at async save (src/notes.ts:12:7)', '    at file:///var/runtime/index.mjs:1173:29'];

test.each([
  ['at another line', ['    at async save (src/notes.ts:99:1)']],
  ['through another package', ['    at read (/var/task/index.js:1:1)', '    at async save (src/notes.ts:12:7)']],
])('an error that is thrown %s has the same fingerprint', async (_, others) => {
  expect(await fingerprint(thrown(others))).toBe(await fingerprint(thrown(frames)));
});

test('an error without a line of the owner has the same fingerprint in another folder and line', async () => {
  const moved = '    at parse (/tmp/asset.2/index.js:44:4)';
  expect(await fingerprint(thrown([moved]))).toBe(await fingerprint(thrown([bundled])));
});

test('errors with other messages have the same fingerprint', async () => {
  expect(await fingerprint(thrown(frames, 'Error', 'No note 7'))).toBe(await fingerprint(thrown(frames)));
});

test('errors of another class, tool, function or file have other fingerprints', async () => {
  const all = await Promise.all([
    fingerprint(thrown(frames)),
    fingerprint(thrown(frames, 'RangeError')),
    fingerprint(thrown(frames), { tool: 'other' }),
    fingerprint(thrown(['    at async load (src/notes.ts:12:7)'])),
    fingerprint(thrown(['    at async save (src/diary.ts:12:7)'])),
    fingerprint('text'),
  ]);
  expect(new Set(all).size).toBe(all.length);
});

test('a value that is no error has the name of its type as its class', async () => {
  expect(await auditedError(toolCall({ id: 'c', at: 0 }), 'text', { errors: 'message' })).toMatchObject({
    errorClass: 'string',
    errorMessage: 'text',
  });
});

test('a message is kept as one line', async () => {
  const error = new Error('one\n\u202etwo');
  expect(await auditedError(toolCall({ id: 'c', at: 0 }), error, { errors: 'message' })).toMatchObject({
    errorMessage: 'one\ufffd\ufffdtwo',
  });
});

test.each([
  ['the owner', frames, 'src/notes.ts:12'],
  ['a bundle', [bundled], 'index.js:10'],
  ['a package alone', ['    at read (/var/task/node_modules/pg/index.js:1:1)'], undefined],
])('an error has the file and line of the first frame of %s', async (_, stack, place) => {
  const { errorPlace } = await auditedError(toolCall({ id: 'c', at: 0 }), thrown(stack), { errors: 'class' });
  expect(errorPlace).toBe(place);
});
