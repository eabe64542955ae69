import { userKey } from '../lambda/core/access/user-key.ts';
import { clientOf, type ToolCall } from '../lambda/core/audit/tool-call.ts';
import * as itemType from '../lambda/shared/item-types.ts';
import { demoUsers, subjectOf } from './cognito/demo-users.ts';
import { attributeOf, type Item } from './dynamodb/attribute-value.ts';

/** A request in the audit log, with the name of its user. */
export type LoggedCall = Pick<ToolCall, 'method' | 'tool' | 'outcome' | 'milliseconds'> & {
  /** The user name at the local identity provider, else the key of the user. */
  user: string;
  /** Name and version. */
  client: string;
};

/** @returns a function that reads a call from its item, and undefined from another item */
export function callReader(issuer: string | undefined): (item: Item) => Promise<LoggedCall | undefined> {
  const names = namesAt(issuer);
  return async (item) => {
    const text = (name: string) => attributeOf(item, name)?.S;
    if (text('type') !== itemType.call) return undefined;
    const user = text('user')!;
    const client = clientOf({
      registeredName: text('registeredName'),
      clientName: text('clientName'),
      client: text('client')!,
    });
    const version = text('clientVersion');
    return {
      method: text('method')!,
      tool: text('tool'),
      outcome: text('outcome') as ToolCall['outcome'],
      milliseconds: Number(attributeOf(item, 'milliseconds')!.N),
      user: (await names).get(user) ?? user,
      client: version === undefined ? client : `${client} ${version}`,
    };
  };
}

async function namesAt(issuer: string | undefined): Promise<Map<string, string>> {
  if (issuer === undefined) return new Map();
  const names = demoUsers.map(async (user) => [await userKey(issuer, subjectOf(user)), user.username] as const);
  return new Map(await Promise.all(names));
}
