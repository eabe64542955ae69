import { sha256 } from '../support/crypto.ts';
import { remainingBytes } from './audited-request.ts';
import { boundedText } from './bounded-text.ts';
import type { ToolCall } from './tool-call.ts';

export type ArgumentRules = {
  /** How the arguments of tools are logged: not at all, as a digest, or as their shape. */
  arguments: 'no' | 'digest' | 'redacted';
  /** Salt of digests, beside user and tool. */
  deployment: string;
};

/** Names as in schemas. Another name may be a value, such as the address of a user as a key. */
const memberName = /^[A-Za-z_][\w-]{0,39}$/;
const DEEPEST = 4;
const MOST_MEMBERS = 20;

/**
 * The arguments of a tool call as the owner's setting logs them.
 *
 * A digest shows that a user repeats a call with the same arguments, and proves known arguments. Its salt of deployment,
 * user and tool hides that two users, or two tools, had the same. The salt is not secret: a reader of the audit log can
 * guess arguments that have few possible values.
 */
export async function auditedArguments(
  call: ToolCall,
  given: unknown,
  rules: ArgumentRules,
): Promise<string | undefined> {
  const { user, tool } = call;
  if (rules.arguments === 'no' || tool === undefined || given === undefined) return undefined;
  if (rules.arguments === 'digest') return sha256(JSON.stringify([rules.deployment, user, tool, sorted(given)]));
  return boundedText(JSON.stringify(shapeOf(given)), remainingBytes(call));
}

/** Equal objects have the same JSON, in whatever order their members are. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([name, member]) => [name, sorted(member)]);
}

/** The arguments with the type, and for a string the length, in place of each leaf. */
function shapeOf(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return `string(${value.length})`;
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  if (Array.isArray(value)) {
    return depth === DEEPEST
      ? `array(${value.length})`
      : value.slice(0, MOST_MEMBERS).map((each) => shapeOf(each, depth + 1));
  }
  const members = Object.entries(value);
  if (depth === DEEPEST) return `object(${members.length})`;
  return Object.fromEntries(
    members
      .slice(0, MOST_MEMBERS)
      .map(([name, each], index) => [memberName.test(name) ? name : `#${index}`, shapeOf(each, depth + 1)]),
  );
}
