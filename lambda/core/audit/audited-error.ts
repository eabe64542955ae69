import { sha256 } from '../support/crypto.ts';
import { printableLines, shorten, singleLine } from '../support/untrusted-text.ts';
import { largest, remainingBytes } from './audited-request.ts';
import { boundedText } from './bounded-text.ts';
import type { ToolCall } from './tool-call.ts';

export type ErrorRules = {
  /** The logged part of an error that a tool throws: nothing, its class, or its class and message. */
  errors: 'none' | 'class' | 'message';
};

/** 72 bits: no two errors of a deployment share one. */
const FINGERPRINT_CHARACTERS = 12;
/** Bytes that the place of an error leaves to its message. */
const SHORTEST_MESSAGE = 120;

/** An error that a tool has thrown, as the owner's setting logs it. */
export async function auditedError(
  call: ToolCall,
  error: unknown,
  rules: ErrorRules,
): Promise<Pick<ToolCall, 'errorClass' | 'errorMessage' | 'errorFingerprint' | 'errorPlace'>> {
  if (rules.errors === 'none') return {};
  const errorClass = boundedText(classOf(error), largest.errorClass)!;
  const { place, line } = placeIn(error instanceof Error ? String(error.stack) : '');
  const digest = await sha256(JSON.stringify([call.tool, errorClass, place]));
  const named = { errorClass, errorFingerprint: digest.slice(0, FINGERPRINT_CHARACTERS) };
  const left = remainingBytes({ ...call, ...named, errorPlace: '' }) - SHORTEST_MESSAGE;
  const room = Math.max(0, Math.min(left, largest.errorPlace));
  // The end of a path has the line.
  const errorPlace = boundedText(line?.slice(-room), room);
  const facts = { ...named, ...(errorPlace && { errorPlace }) };
  if (rules.errors === 'class') return facts;
  const message = error instanceof Error ? error.message : String(error);
  const rest = remainingBytes({ ...call, ...facts, errorMessage: '' });
  return { ...facts, errorMessage: boundedText(message, Math.min(rest, largest.message)) };
}

/** Most characters of an event. Ten frames are shorter, of which most are in packages. */
const LONGEST = { message: 500, stack: 2_000 };

/** An error that a tool has thrown, for the log. */
export function describeError(
  error: unknown,
): Record<'errorClass' | 'message' | 'stack' | 'cause', string | undefined> {
  const { message, stack, cause } = error instanceof Error ? error : { message: String(error) };
  const line = (text: string) => shorten(singleLine(text), LONGEST.message);
  return {
    errorClass: line(classOf(error)),
    message: line(message),
    // Without the message, which may have many lines.
    stack: stack && shorten(printableLines(framesIn(stack)), LONGEST.stack),
    cause: cause === undefined ? undefined : line(String(cause)),
  };
}

/** Of either SDK. A tool throws it as its response, such as the demand to open a URL. */
export const isProtocolError = (error: unknown): boolean =>
  error instanceof Error && Number((error as { code?: unknown }).code) <= -32_000;

/** The name of an error's class: many classes do not set `name`. */
function classOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return (error.name === 'Error' && error.constructor.name) || error.name;
}

const framesIn = (stack: string): string => /^ +at [\s\S]*/m.exec(stack)?.[0] ?? '';

/** `at [function] (location:line:column)`, or without a function and parentheses. */
const frame = /^ +at (?:(?<name>.*) \()?(?<location>.*?)(?::(?<line>\d+)(?::\d+)?)?\)?$/gm;

/**
 * Function and file of the first line of the owner, or else of any module. Without line and column, which the next
 * deployment may move, and without the folder of a bundle. `line` has the file and the line.
 */
function placeIn(stack: string): { place: string; line: string | undefined } {
  const frames = [...stack.matchAll(frame)]
    .map(({ groups }) => groups as { name?: string; location: string; line?: string })
    .filter(({ location }) => /[./\\]/.test(location) && !/^node:|[/\\]node_modules[/\\]/.test(location));
  // Mapped to the owner's sources, whose paths are relative (`adapters/substitutes/mapped-stacks.ts`).
  const {
    name = '',
    location = '',
    line,
  } = frames.find(({ location }) => !/^(\/|[a-z]+:)/i.test(location)) ?? frames[0] ?? {};
  const file = location.replace(/^([a-z]+:|\/).*\//i, '');
  return { place: `${name} ${file}`, line: line && `${file}:${line}` };
}
