import { kindOf } from '../../access/grant.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import type { Facade } from '../facade.ts';
import {
  makePersonalToken,
  type PersonalToken,
  PersonalTokenError,
  type PersonalTokenRequest,
} from './personal-tokens.ts';

/** The operator's request. @property grant a grant of the user, whose identity and groups the token gets */
export type OperatorTokenRequest = PersonalTokenRequest & { grant?: unknown };

/** The token, or the reason why it was not made. */
export type OperatorTokenResult = PersonalToken | { error: string };

/** Makes a personal access token for a user of whom a grant is known. A rejection and an outage are in the result, which the operator reads. */
export async function makeOperatorToken(facade: Facade, request: OperatorTokenRequest): Promise<OperatorTokenResult> {
  try {
    const { grant: known } = typeof request.grant === 'string' ? await facade.grants.findGrant(request.grant) : {};
    if (!known || kindOf(known) === 'service')
      throw new PersonalTokenError('grant: pass the id of a grant of a person');
    const made = await makePersonalToken(facade, known, request, (grant) => facade.grants.createPersonalGrant(grant));
    return made ?? { error: 'The grant of the token was not stored' };
  } catch (error) {
    if (error instanceof PersonalTokenError) return { error: error.message };
    if (error instanceof ServiceUnavailableError) return { error: `${error.message}; repeat the command shortly` };
    throw error;
  }
}
