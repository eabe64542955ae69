import { isAllowed, type Statement } from '../iam/iam-policy.ts';
import type { FunctionPool } from '../lambda/function-pool.ts';
import type { Api, Authorizer, Route } from './api-definition.ts';
import { GatewayError } from './gateway-error.ts';
import { type Arrival, authorizerEvent, headerOf, invocation } from './proxy-event.ts';

/** What an authorizer answered, checked. */
type Verdict = { statements: Statement[]; context: Record<string, string> };

/**
 * Custom authorizers of type REQUEST and their cache.
 *
 * An answer is kept by the values of the identity sources alone, whatever the method and path, and its policy is
 * evaluated anew for each request: a policy for one path refuses the next one, as on AWS. What the function threw is
 * never kept.
 */
export class RequestAuthorizers {
  readonly #cache = new Map<string, { verdict: Verdict; expiresAt: number }>();
  readonly #functions: FunctionPool;

  constructor(functions: FunctionPool) {
    this.#functions = functions;
  }

  /**
   * @returns the context for the function behind the method, all values as text
   * @throws GatewayError UNAUTHORIZED without an identity source or if the function says so, ACCESS_DENIED if its policy
   * does not allow the request, AUTHORIZER_FAILURE if it failed, AUTHORIZER_CONFIGURATION_ERROR if its answer is unusable
   */
  async authorize(authorizer: Authorizer, arrival: Arrival, api: Api, route: Route): Promise<Record<string, string>> {
    const identity = authorizer.identitySources.map(({ from, name }) =>
      from === 'header' ? headerOf(arrival, name) : (arrival.query.get(name) ?? undefined),
    );
    if (identity.some((value) => value === undefined || value === '')) throw new GatewayError('UNAUTHORIZED');

    const key = JSON.stringify([authorizer.function, ...identity]);
    const { statements, context } =
      this.#cached(key, arrival.receivedAt) ?? (await this.#ask(authorizer, key, arrival, api, route));
    // Together: what the API's policy allows is refused by an authorizer only if it says so, not by its silence.
    if (!isAllowed([...api.policy, ...statements], invocation(arrival, api)))
      throw new GatewayError('ACCESS_DENIED', undefined, context);
    return context;
  }

  #cached(key: string, now: number): Verdict | undefined {
    const entry = this.#cache.get(key);
    if (entry !== undefined && entry.expiresAt > now) return entry.verdict;
    this.#cache.delete(key);
    return undefined;
  }

  async #ask(authorizer: Authorizer, key: string, arrival: Arrival, api: Api, route: Route): Promise<Verdict> {
    let answer: unknown;
    try {
      answer = await this.#functions.invoke(authorizer.function, authorizerEvent(arrival, api, route));
    } catch (error) {
      if (error instanceof Error && error.message === 'Unauthorized') throw new GatewayError('UNAUTHORIZED');
      throw new GatewayError('AUTHORIZER_FAILURE', error);
    }
    const verdict = readVerdict(answer);
    if (authorizer.ttlSeconds > 0 && authorizer.identitySources.length > 0) {
      this.#cache.set(key, { verdict, expiresAt: arrival.receivedAt + authorizer.ttlSeconds * 1000 });
    }
    return verdict;
  }
}

function readVerdict(answer: unknown): Verdict {
  const { principalId, policyDocument, context = {} } = (answer ?? {}) as Record<string, unknown>;
  if (typeof principalId !== 'string') throw unusable('principalId is not a text');
  const { Statement: statements } = (policyDocument ?? {}) as { Statement?: Statement | Statement[] };
  if (statements === undefined) throw unusable('policyDocument has no Statement');
  if (typeof context !== 'object' || context === null) throw unusable('context is not an object');
  for (const [name, value] of Object.entries(context)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw unusable(`context.${name} is neither a text, a number nor a boolean`);
    }
  }
  // Functions and mappings get every value as text, whatever it was.
  const texts = Object.fromEntries(Object.entries(context).map(([name, value]) => [name, String(value)]));
  return { statements: [statements].flat(), context: { ...texts, principalId } };
}

function unusable(reason: string): GatewayError {
  return new GatewayError('AUTHORIZER_CONFIGURATION_ERROR', `the authorizer's answer cannot be used: ${reason}`);
}
