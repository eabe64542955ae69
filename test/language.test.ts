import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from '@swc/core';

/** The vocabulary and the register of CONTRIBUTING.md, in comments, messages, test titles and pages. */

const root = join(__dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Words and turns that readers of RFCs and of the AWS documentation do not meet. */
const banned = [
  ...['desk', 'nobody', 'no one', 'whoever', 'whomever', 'told', 'a text', 'hears of', 'felt', 'on record'],
  ...['is none', 'lets in', 'let in', 'lets nobody', 'shut out', 'shuts out', 'taken back', 'comes to'],
  ...['came to', 'of its own', 'of their own', 'of our own', 'call record', 'goes on record', 'go on record'],
  ...['rollup', 'misuse', 'long tool', 'long tools', 'so manieth', 'somebody', 'anybody', 'everybody'],
];
const bannedForm = new RegExp(`\\b(${banned.join('|')})\\b`, 'i');

/** Not this file and CONTRIBUTING.md, which name the words, nor DynamoDB's reserved words. */
const sources = globSync('{bin,build,cli,create,lib,lambda,local,bench,test,docs}/**/*.{ts,tsx,cjs}', { cwd: root })
  .filter((file) => !file.startsWith('create/dist/'))
  .filter((file) => !['test/language.test.ts', 'local/dynamodb/expressions/reserved-words.ts'].includes(file))
  .sort();
const pages = globSync(
  '{README,SECURITY,CHANGELOG,docs/*,docs/identity-providers/*,{create,create/template/shared}/README}.md',
  {
    cwd: root,
  },
).sort();

type Passage = { file: string; line: number; text: string };

const lineAt = (text: string, index: number) => text.slice(0, index).split('\n').length;

/** Comments, without code that they quote. */
function commentsOf(file: string): Passage[] {
  const text = read(file);
  const comments = text.matchAll(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(,])\/\/ .*$/gm);
  return Array.from(comments, (match) => ({
    file,
    line: lineAt(text, match.index),
    text: match[0].replaceAll(/\n\s*\* ?/g, ' ').replaceAll(/`[^`]*`/g, '`…`'),
  }));
}

type Node = { type?: string; [member: string]: unknown };

/** String literals and template texts with a space: messages, descriptions and test titles. */
function messagesOf(file: string): Passage[] {
  const text = read(file);
  const tree = parseSync(text, { syntax: 'typescript', tsx: file.endsWith('x'), target: 'es2024' });
  // Positions count bytes, on from those of the files that were parsed before.
  const start = tree.span.start - Buffer.byteLength(text.slice(0, text.length - text.trimStart().length));
  /** Byte offsets of the lines. */
  const lines = [0];
  for (const line of text.split('\n')) lines.push(lines.at(-1)! + Buffer.byteLength(line) + 1);
  const found: Passage[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, value, cooked, span } = node as Node & { span?: { start: number } };
    const literal = type === 'StringLiteral' ? value : type === 'TemplateElement' ? cooked : undefined;
    if (typeof literal === 'string' && literal.includes(' ') && span) {
      found.push({ file, line: lines.findLastIndex((offset) => offset <= span.start - start) + 1, text: literal });
    }
    for (const member of Object.values(node)) visit(member);
  };
  visit(tree.body);
  return found;
}

/** Prose of a page, without code and addresses. */
function proseOf(file: string): Passage[] {
  const text = read(file).replaceAll(/```[\s\S]*?```/g, (block) => block.replaceAll(/[^\n]/g, ' '));
  return text
    .split('\n')
    .map((line, index) => ({ file, line: index + 1, text: line.replaceAll(/`[^`]*`|\]\([^)]*\)/g, '') }));
}

const shown = (passages: Passage[]) =>
  passages.map(
    ({ file, line, text }) => `${file}:${line}: ${bannedForm.exec(text)?.[0]}: ${text.trim().slice(0, 120)}`,
  );

const isBanned = ({ text }: Passage) => bannedForm.test(text);

test('comments use no banned word', () => {
  const comments = sources.flatMap(commentsOf);
  expect(comments.length).toBeGreaterThan(1000);
  expect(shown(comments.filter(isBanned))).toEqual([]);
});

test('messages and test titles use no banned word', () => {
  const messages = sources.flatMap(messagesOf);
  expect(messages.length).toBeGreaterThan(1000);
  expect(shown(messages.filter(isBanned))).toEqual([]);
});

test('pages use no banned word', () => {
  const prose = pages.flatMap(proseOf);
  expect(prose.length).toBeGreaterThan(500);
  expect(shown(prose.filter(isBanned))).toEqual([]);
});

test('no docstring begins with a relative clause', () => {
  const begins = /^\/\*\*\s*(What|Who|Whom|Whose|Whoever)\b/;
  expect(
    sources
      .flatMap(commentsOf)
      .filter(({ text }) => begins.test(text))
      .map(({ file, line, text }) => `${file}:${line}: ${text.slice(0, 90)}`),
  ).toEqual([]);
});

test('a message that a client or a model reads has at most 100 characters', () => {
  const read = globSync('lambda/core/{mcp,oauth,sessions,access}/**/*.ts', { cwd: root }).filter(
    (file) => !file.includes('/pages/'),
  );
  // Neither the description by which models choose a tool nor the list of rejected redirect schemes.
  const isList = (file: string) => file.endsWith('/redirect-uri.ts');
  const long = read
    .flatMap(messagesOf)
    .filter(
      ({ file, text }) => text.length > 100 && !isList(file) && !text.startsWith('Waits for a tool that still runs'),
    );
  expect(long.map(({ file, line, text }) => `${file}:${line}: ${text}`)).toEqual([]);
});
