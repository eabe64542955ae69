import { type AwsEnvironment, defaultEnvironment } from '../aws-api/aws-environment.ts';
import { AwsError } from '../aws-api/aws-error.ts';
import { type AccessRequest, assertSupported, isAllowed, type Statement } from './iam-policy.ts';

/** A caller of the emulated services: a function with the statements of its role. */
export type Principal = { functionName: string; statements: Statement[] };

/** The local emulator itself, which creates the tables. */
export const emulatorPrincipal: Principal = {
  functionName: 'local',
  statements: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
};

/** The operator, who has the permissions of the account. */
export const operatorPrincipal: Principal = { ...emulatorPrincipal, functionName: 'operator' };

/** The role does not allow the request. The message is AWS's, followed by the values of the condition keys. */
export class AccessDenied extends AwsError {
  constructor(message: string) {
    super('AccessDeniedException', message);
  }
}

/** The access key id belongs to no principal. */
export class UnrecognizedClient extends AwsError {
  constructor() {
    super('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
}

/** The permissions of the callers, as the emulated services check them. */
export interface Principals {
  /**
   * Returns if the principal with this access key id may perform `request`.
   *
   * @throws AccessDenied
   * @throws UnrecognizedClient
   */
  authorize(accessKeyId: string, request: AccessRequest): void;
}

/**
 * The functions of the stack by access key id.
 *
 * Signatures are not verified: an id has 128 random bits or more and is known only to the execution environment that
 * received it (the operator's: to every reader of the data folder), so the id itself is the proof. It must never be
 * printed.
 */
export class FunctionPrincipals implements Principals {
  readonly #byAccessKeyId = new Map<string, Principal>();
  readonly #environment: AwsEnvironment;

  constructor(environment: AwsEnvironment = defaultEnvironment) {
    this.#environment = environment;
  }

  /** @throws Error if a statement uses a feature that the evaluator does not support: at start, not at a request */
  add(accessKeyId: string, principal: Principal): void {
    for (const statement of principal.statements) assertSupported(statement);
    this.#byAccessKeyId.set(accessKeyId, principal);
  }

  authorize(accessKeyId: string, request: AccessRequest): void {
    const principal = this.#byAccessKeyId.get(accessKeyId);
    if (!principal) throw new UnrecognizedClient();
    if (!isAllowed(principal.statements, request)) {
      throw new AccessDenied(
        `User: ${this.#environment.globalArn('sts', `assumed-role/${principal.functionName}/local`)} is not authorized to perform: ` +
          `${request.action} on resource: ${request.resource} because no identity-based policy of ` +
          `${principal.functionName} allows the ${request.action} action${conditionValues(request.context)}`,
      );
    }
  }
}

/** E.g. ` (dynamodb:LeadingKeys: CO#abc)`. */
function conditionValues(context: AccessRequest['context']): string {
  const keys = Object.entries(context).filter(([, values]) => values.length > 0);
  if (keys.length === 0) return '';
  return ` (${keys.map(([key, values]) => `${key}: ${values.join(', ')}`).join('; ')})`;
}
