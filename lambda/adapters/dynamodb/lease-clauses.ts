/** Lease of an item for the work of one process (`core/support/single-flight.ts`): `leaseOwner` until `leaseUntil`. */

/** Free, or taken by this owner: the client repeats a request whose response was lost. */
export const LEASE_FREE = '(attribute_not_exists(leaseUntil) OR leaseUntil <= :now OR leaseOwner = :owner)';
export const LEASE_OWNED = 'leaseOwner = :owner';

export const SET_LEASE = 'leaseOwner = :owner, leaseUntil = :until';
export const REMOVE_LEASE = 'REMOVE leaseOwner, leaseUntil';

/** Values of `LEASE_FREE` and `SET_LEASE`. */
export const leaseValues = (owner: string, now: number, until: number) => ({
  ':owner': owner,
  ':now': now,
  ':until': until,
});
