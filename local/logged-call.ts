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
    const [user, id, method, outcome] = [text('user'), text('client'), text('method'), text('outcome')];
    const milliseconds = attributeOf(item, 'milliseconds')?.N;
    // Any process with permission for the table may write part of a call.
    if (text('type') !== itemType.call || milliseconds === undefined) return undefined;
    if (user === undefined || id === undefined || method === undefined || outcome === undefined) return undefined;
    const client = clientOf({
      registeredName: text('registeredName'),
      clientName: text('clientName'),
      client: id,
    });
    const version = text('clientVersion');
    return {
      method,
      tool: text('tool'),
      outcome: outcome as ToolCall['outcome'],
      milliseconds: Number(milliseconds),
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
