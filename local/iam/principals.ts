import { assertSupported, isAllowed, type Request, type Statement } from './iam-policy.ts';

/** Who calls: a function of the stack, with the statements of its role. */
export type Principal = { functionName: string; statements: Statement[] };

/** The local cloud itself, which sets up tables and reads what the terminal shows. */
export const emulatorPrincipal: Principal = {
  functionName: 'local',
  statements: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
};

/** The owner of the account, who is at the keyboard. */
export const operatorPrincipal: Principal = { ...emulatorPrincipal, functionName: 'owner' };

/** The role does not allow the request. The message is AWS's, with the values of the condition keys at its end. */
export class AccessDenied extends Error {
  override readonly name = 'AccessDenied';
}

/** The access key id belongs to nobody. */
export class UnrecognizedClient extends Error {
  override readonly name = 'UnrecognizedClient';
}

/** What a local service needs to know of the stack's roles. */
export interface Principals {
  /**
   * Returns when the owner of the access key id may do what `request` says.
   *
   * @throws AccessDenied
   * @throws UnrecognizedClient
   */
  authorize(accessKeyId: string, request: Request): void;
}

/**
 * The functions of the stack by access key id.
 *
 * Signatures are not verified: an id is random, 128 bits or more, and known only to the worker it was made for (the
 * owner's: to whoever can read the data folder), so on this machine knowing it is the proof. It must never be printed.
 */
export class FunctionPrincipals implements Principals {
  readonly #byAccessKeyId = new Map<string, Principal>();

  /** @throws Error when a statement uses what the local evaluator does not know: at start, not at the first request. */
  add(accessKeyId: string, principal: Principal): void {
    for (const statement of principal.statements) assertSupported(statement);
    this.#byAccessKeyId.set(accessKeyId, principal);
  }

  authorize(accessKeyId: string, request: Request): void {
    const principal = this.#byAccessKeyId.get(accessKeyId);
    if (!principal) throw new UnrecognizedClient('The security token included in the request is invalid.');
    if (!isAllowed(principal.statements, request)) {
      throw new AccessDenied(
        `User: arn:aws:sts::000000000000:assumed-role/${principal.functionName}/local is not authorized to perform: ` +
          `${request.action} on resource: ${request.resource} because no identity-based policy of ` +
          `${principal.functionName} allows the ${request.action} action${describe(request.context)}`,
      );
    }
  }
}

/** E.g. ` (dynamodb:LeadingKeys: CO#abc)`. */
function describe(context: Request['context']): string {
  const keys = Object.entries(context).filter(([, values]) => values.length > 0);
  if (keys.length === 0) return '';
  return ` (${keys.map(([key, values]) => `${key}: ${values.join(', ')}`).join('; ')})`;
}
