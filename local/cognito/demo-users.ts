import { createHash } from 'node:crypto';

/** A user of the local identity provider. The password is the user name. */
export type DemoUser = { username: string; name: string; email: string; owner: boolean };

export const demoUsers: DemoUser[] = [
  { username: 'ada', name: 'Ada Lovelace', email: 'ada@example.com', owner: false },
  { username: 'alan', name: 'Alan Turing', email: 'alan@example.com', owner: false },
  { username: 'grace', name: 'Grace Hopper', email: 'grace@example.com', owner: true },
];

/** A user's `sub`: a UUID as Cognito has them, but always the same one, so that sessions find their user after `--fresh`. */
export function subjectOf({ username }: DemoUser): string {
  const hash = createHash('sha256').update(`holdfast demo user ${username}`).digest('hex');
  return hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}
