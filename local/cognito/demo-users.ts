import { createHash } from 'node:crypto';

/** A user of the local identity provider. The password is the user name. */
export type DemoUser = {
  username: string;
  name: string;
  email: string;
  /** Member of all groups of the pool. */
  admin: boolean;
  /** Further groups. */
  groups?: string[];
};

export const demoUsers: DemoUser[] = [
  { username: 'ada', name: 'Ada Lovelace', email: 'ada@example.com', admin: false },
  { username: 'alan', name: 'Alan Turing', email: 'alan@example.com', admin: false },
  { username: 'grace', name: 'Grace Hopper', email: 'grace@example.com', admin: true },
];

/** A user for a test. */
export const testUser = (username: string, groups: string[]): DemoUser => ({
  username,
  name: username,
  email: `${username}@example.com`,
  admin: false,
  groups,
});

/** A user's `sub`: a UUID as in Cognito, but derived from the user name, so that it is the same after `--fresh`. */
export function subjectOf({ username }: DemoUser): string {
  const hash = createHash('sha256').update(`holdfast demo user ${username}`).digest('hex');
  return hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}
