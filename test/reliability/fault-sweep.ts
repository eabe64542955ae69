import { setVariables } from '../../bench/harness/assembly.ts';
import { type FaultKind, faultKinds, type ServiceRequest } from '../../bench/harness/fault-injection.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { dashboardFlows } from './dashboard-flows.ts';
import { type Answer, brief, type Flow, malformation } from './flow.ts';
import { mcpFlows } from './mcp-flows.ts';
import { assertingClient, oauthFlows } from './oauth-flows.ts';

/** One request of a flow, and what happens to it. */
export type Case = {
  flow: Flow;
  /** Absent when the client loses the response of the whole request. */
  request: ServiceRequest | undefined;
  /** Which one of equal requests. */
  occurrence: number;
  kind: FaultKind;
};

/** Of equal requests of a flow, the first ones. */
const MOST_EQUAL = 2;

/** The job of the schedule runs at any time. */
const SCHEDULED = 'Rollup';

const writes = /^(PutItem|UpdateItem|DeleteItem|TransactWriteItems|Invoke|token|revoke)$/;

/** Whether the client loses the response to a request that changes something. */
export const isLostWrite = ({ request, kind }: Case): boolean =>
  kind === 'lost' && (request === undefined || writes.test(request.operation));

/** The client loses the response of the whole request. */
export const lostResponse = (flow: Flow): Case => ({ flow, request: undefined, occurrence: 1, kind: 'lost' });

export const flows: readonly Flow[] = [...oauthFlows, ...mcpFlows, ...dashboardFlows];

/** Lets each request of each flow fail in each way, one at a time. */
export class FaultSweep {
  readonly cloud: TestCloud;

  private constructor(cloud: TestCloud) {
    this.cloud = cloud;
  }

  static async start(): Promise<FaultSweep> {
    const { registration } = await assertingClient();
    const cloud = await TestCloud.start({
      change: (resources) => {
        // The provider's access tokens are due from the start, so that every refresh calls the identity provider.
        const client = Object.values(resources).find(({ Type }) => Type === 'AWS::Cognito::UserPoolClient')!;
        Object.assign(client.Properties, { AccessTokenValidity: 1 });
        client.Properties.TokenValidityUnits.AccessToken = 'minutes';
        setVariables(resources, 'OAuth', { CLIENTS: JSON.stringify([registration]) });
      },
    });
    cloud.expectEveryFailure();
    return new FaultSweep(cloud);
  }

  stop(): Promise<void> {
    return this.cloud.stop();
  }

  /** All faults at all requests of the flow. @throws Error for a flow that fails without a fault */
  async cases(flow: Flow): Promise<Case[]> {
    await this.#succeed(flow);
    let requests: ServiceRequest[] = [];
    await this.#succeed(flow, async (send) => {
      requests = await this.cloud.serviceRequestsOf(send);
    });
    const equal = new Map<string, number>();
    const places = requests.flatMap((request) => {
      if (flow.caller === undefined ? request.caller === SCHEDULED : request.caller !== flow.caller) return [];
      const name = describe(request);
      const occurrence = (equal.get(name) ?? 0) + 1;
      equal.set(name, occurrence);
      return occurrence > MOST_EQUAL ? [] : [{ request, occurrence }];
    });
    const faults = places.flatMap((place) => faultKinds.map((kind): Case => ({ flow, ...place, kind })));
    return [...faults, lostResponse(flow)];
  }

  /** @returns the violation of a guarantee; undefined without one */
  async run(each: Case): Promise<string | undefined> {
    await this.cloud.settled();
    try {
      // On a busy machine a service may be late without a fault: the preparation is no subject of the case.
      const attempt = await each.flow.prepare(this.cloud).catch(() => each.flow.prepare(this.cloud));
      await this.cloud.settled();
      const { answer, isReached } = await this.#send(each, (isHeard) => attempt.send(isHeard));
      if (!isReached) return 'not reached';
      if (each.request !== undefined && attempt.isSuccess(answer)) {
        await attempt.verify({ sent: 1, acknowledged: 1 });
        return undefined;
      }
      const malformed = this.#malformation(each, answer);
      if (malformed !== undefined) return `${malformed}: ${brief(answer)}`;
      const repeated = await (attempt.repeat ? attempt.repeat(answer) : attempt.send());
      if (!attempt.isSuccess(repeated)) return `${brief(answer)}, then ${brief(repeated)}`;
      await attempt.verify({ sent: 2, acknowledged: 1 });
      return undefined;
    } catch (error) {
      return String((error as Error).message);
    }
  }

  async #send(
    { request, occurrence, kind }: Case,
    send: (isHeard: boolean) => Promise<Answer>,
  ): Promise<{ answer: Answer; isReached: boolean }> {
    if (request === undefined) return { answer: await send(false), isReached: true };
    const { result, hit } = await this.cloud.withFault({ kind, request, occurrence }, () => send(true));
    return { answer: result, isReached: hit !== undefined };
  }

  /** A killed function has no response: the gateway's is an error without a form. */
  #malformation({ flow, request, kind }: Case, answer: Answer): string | undefined {
    const isKilled = kind.startsWith('kill');
    if (request === undefined || (isKilled && (answer.status === 0 || answer.status >= 500))) return undefined;
    return malformation(answer, flow.reader);
  }

  async #succeed(flow: Flow, around = (send: () => Promise<void>) => send()): Promise<void> {
    const attempt = await flow.prepare(this.cloud);
    let answer: Answer | undefined;
    await around(async () => {
      answer = await attempt.send();
    });
    if (!attempt.isSuccess(answer!)) throw new Error(`${flow.name} fails without a fault: ${brief(answer!)}`);
    await attempt.verify({ sent: 1, acknowledged: 1 });
  }
}

/** The name of the request in its flow. */
export function nameOf({ request, occurrence }: Pick<Case, 'request' | 'occurrence'>): string {
  if (request === undefined) return 'the response to the client';
  return `${describe(request)}${occurrence > 1 ? ` (${occurrence})` : ''}`;
}

function describe(request: ServiceRequest): string {
  const { caller, service, operation, target } = request;
  const place = service === 'dynamodb' ? operation : `${service} ${operation}`;
  return `${caller && `${caller}: `}${place}${target && ` ${target}`}`;
}
