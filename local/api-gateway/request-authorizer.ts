import { isAllowed, type Statement } from '../iam/iam-policy.ts';
import { FunctionThrottled } from '../lambda/function-error.ts';
import type { FunctionInvoker } from '../lambda/function-pool.ts';
import type { Api, Authorizer, Route } from './api-model.ts';
import { GatewayError } from './gateway-error.ts';
import { type GatewayRequest, headerOf } from './gateway-request.ts';
import { authorizerEvent, invokeRequest } from './proxy-event.ts';

/** An authorizer's validated result. */
type AuthorizerResult = { statements: Statement[]; context: Record<string, string> };

/**
 * Custom authorizers of type REQUEST and their cache.
 *
 * The key of an authorizer's cache is the values of the identity sources alone, whatever the method and path, and each request
 * evaluates the cached policy again: a policy for one path denies the next path, as on AWS. Errors are not cached.
 */
export class RequestAuthorizers {
  readonly #cache = new Map<string, { result: AuthorizerResult; expiresAt: number }>();
  readonly #functions: FunctionInvoker;

  constructor(functions: FunctionInvoker) {
    this.#functions = functions;
  }

  /**
   * @returns the context for the method's function, with all values as strings
   * @throws GatewayError UNAUTHORIZED without an identity source or if the function throws "Unauthorized", ACCESS_DENIED if
   * its policy does not allow the request, AUTHORIZER_FAILURE if it fails, AUTHORIZER_CONFIGURATION_ERROR if its result is
   * invalid or the function is throttled
   */
  async authorize(
    authorizer: Authorizer,
    request: GatewayRequest,
    api: Api,
    route: Route,
  ): Promise<Record<string, string>> {
    const identity = authorizer.identitySources.map(({ from, name }) =>
      from === 'header' ? headerOf(request, name) : (request.query.get(name) ?? undefined),
    );
    if (identity.some((value) => value === undefined || value === '')) throw new GatewayError('UNAUTHORIZED');

    const key = JSON.stringify([authorizer.id, ...identity]);
    const { statements, context } =
      this.#cached(key, request.receivedAt) ?? (await this.#invoke(authorizer, key, request, api, route));
    // Evaluated together: the authorizer's policy must deny a request that the API's policy allows; silence is not enough.
    if (!isAllowed([...api.policy, ...statements], invokeRequest(request, api))) {
      throw new GatewayError('ACCESS_DENIED', undefined, context);
    }
    return context;
  }

  #cached(key: string, now: number): AuthorizerResult | undefined {
    const entry = this.#cache.get(key);
    if (entry !== undefined && entry.expiresAt > now) return entry.result;
    this.#cache.delete(key);
    return undefined;
  }

  async #invoke(
    authorizer: Authorizer,
    key: string,
    request: GatewayRequest,
    api: Api,
    route: Route,
  ): Promise<AuthorizerResult> {
    let output: unknown;
    try {
      output = await this.#functions.invoke(authorizer.function, authorizerEvent(request, api, route));
    } catch (error) {
      if (error instanceof Error && error.message === 'Unauthorized') throw new GatewayError('UNAUTHORIZED');
      const type = error instanceof FunctionThrottled ? 'AUTHORIZER_CONFIGURATION_ERROR' : 'AUTHORIZER_FAILURE';
      throw new GatewayError(type, error);
    }
    const result = readResult(output);
    if (authorizer.ttlSeconds > 0 && authorizer.identitySources.length > 0) {
      this.#cache.set(key, { result, expiresAt: request.receivedAt + authorizer.ttlSeconds * 1000 });
    }
    return result;
  }
}

function readResult(output: unknown): AuthorizerResult {
  const { principalId, policyDocument, context = {} } = (output ?? {}) as Record<string, unknown>;
  if (typeof principalId !== 'string') throw invalidResult('principalId is not a string');
  const { Statement: statements } = (policyDocument ?? {}) as { Statement?: Statement | Statement[] };
  if (statements === undefined) throw invalidResult('policyDocument has no Statement');
  if (typeof context !== 'object' || context === null) throw invalidResult('context is not an object');
  for (const [name, value] of Object.entries(context)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw invalidResult(`context.${name} is not a string, a number or a boolean`);
    }
  }
  // Functions and mappings receive all values as strings.
  const strings = Object.fromEntries(Object.entries(context).map(([name, value]) => [name, String(value)]));
  return { statements: [statements].flat(), context: { ...strings, principalId } };
}

function invalidResult(reason: string): GatewayError {
  return new GatewayError('AUTHORIZER_CONFIGURATION_ERROR', `the authorizer's result is invalid: ${reason}`);
}
