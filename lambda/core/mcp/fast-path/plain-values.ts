/** Values of messages in their common form, which the SDK's schemas accept and pass on as they are. */

export const MODERN_REVISION = '2026-07-28';
export const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
export const CLIENT_KEY = 'io.modelcontextprotocol/clientInfo';
export const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';

/** The revisions of the 2025 era, as the SDK negotiates them. */
export const SUPPORTED_PROTOCOL_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'];

/** Names of `_meta` that have a meaning in the protocol, and the one that no record can have. */
export const isReserved = (name: string): boolean =>
  name.startsWith('io.modelcontextprotocol/') || name === '__proto__';

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether the record has no further members. */
export function hasOnly(record: object, members: readonly string[]): boolean {
  for (const name in record) if (!members.includes(name)) return false;
  return true;
}

export function isText(value: unknown): boolean {
  return typeof value === 'string';
}

export function isArguments(value: unknown): boolean {
  return isRecord(value) && !Object.hasOwn(value, '__proto__');
}

/** Whether it is a record of texts. */
export const areTexts = (value: unknown): boolean => isArguments(value) && Object.values(value as object).every(isText);

/** Whether it is a notification without parameters that a schema would check. */
export const isPlainNotification = (body: Record<string, unknown>): boolean =>
  body.jsonrpc === '2.0' &&
  typeof body.method === 'string' &&
  (body.params === undefined || (isRecord(body.params) && Object.keys(body.params).length === 0)) &&
  hasOnly(body, ['jsonrpc', 'method', 'params']);

/** Whether it is an implementation with text members alone. */
export function isPlainImplementation(value: unknown): boolean {
  if (!isRecord(value) || typeof value.name !== 'string' || typeof value.version !== 'string') return false;
  return Object.entries(value).every(
    ([name, member]) =>
      ['name', 'version', 'title', 'websiteUrl', 'description'].includes(name) && typeof member === 'string',
  );
}

/** Whether the capabilities are those that clients declare, without further members. */
export function isPlainCapabilities(value: unknown): boolean {
  return (
    isRecord(value) &&
    Object.entries(value).every(([name, member]) => {
      if (!isRecord(member)) return false;
      const entries = Object.entries(member);
      if (name === 'roots') return entries.every(([key, each]) => key === 'listChanged' && typeof each === 'boolean');
      if (name === 'extensions') return entries.every(([key, each]) => key !== '__proto__' && isJsonObject(each));
      if (name === 'sampling')
        return entries.every(([key, each]) => ['tools', 'context'].includes(key) && isEmpty(each));
      return name === 'elicitation' && entries.every(([key, each]) => ['form', 'url'].includes(key) && isEmpty(each));
    })
  );
}

const isEmpty = (value: unknown) => isRecord(value) && Object.keys(value).length === 0;

/** It has been parsed from JSON. */
const isJsonObject = (value: unknown) => isRecord(value) && !Object.hasOwn(value, '__proto__');

const initializeMembers = ['protocolVersion', 'capabilities', 'clientInfo'];

/** Whether the parameters of `initialize` are in their common form. */
export function isPlainInitialize(body: unknown): boolean {
  if (!isRecord(body) || !isRecord(body.params)) return false;
  const { protocolVersion, capabilities, clientInfo } = body.params;
  const isPlain = typeof protocolVersion === 'string' && isPlainCapabilities(capabilities);
  return isPlain && isPlainImplementation(clientInfo) && hasOnly(body.params, initializeMembers);
}
