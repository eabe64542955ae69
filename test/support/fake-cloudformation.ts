import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type DeploymentMarker, deploymentMarker, MARKER_DESCRIPTION } from '../../lib/deployment-marker.ts';

export type FakeStack = {
  name: string;
  status?: string;
  outputs?: Record<string, string>;
  /** Of its constructs: each has an output. */
  deployments?: DeploymentMarker[];
  /** The physical ids of its resources. */
  resources?: string[];
  isProtected?: boolean;
};

/** The marker of a deployment with default settings. */
export const markerOf = (change: Partial<DeploymentMarker> = {}): DeploymentMarker =>
  deploymentMarker({
    construct: '',
    table: 'the-table',
    mcpUrl: 'https://mcp.example.com/mcp',
    issuer: 'https://idp.example.com',
    isDirect: false,
    retentionDays: 90,
    grantIdleDays: 30,
    sessionTtlHours: 24,
    ...change,
  });

const escaped = (value: string) => value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** CloudFormation's query protocol with XML responses. Without a name, DescribeStacks returns one stack per page, to test paging. */
export class FakeCloudFormation {
  readonly endpoint: string;
  readonly #server: Server;
  stacks: FakeStack[] = [];
  /** Errors by action, returned for every request of the action. */
  errors: Record<string, { status: number; code: string; message: string }> = {};
  readonly requests: URLSearchParams[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<FakeCloudFormation> {
    const server = createServer(async (request, response) => {
      const [status, body] = fake.#answer(new URLSearchParams(await text(request)));
      response.writeHead(status, { 'Content-Type': 'text/xml' });
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakeCloudFormation(server);
    return fake;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: URLSearchParams): [status: number, body: string] {
    this.requests.push(request);
    const action = request.get('Action')!;
    const error = this.errors[action];
    if (error) return failure(error.status, error.code, error.message);
    const name = request.get('StackName');
    const stack = this.stacks.find((each) => each.name === name);
    if (name !== null && !stack) return failure(400, 'ValidationError', `Stack with id ${name} does not exist`);
    switch (action) {
      case 'DescribeStacks': {
        if (stack !== undefined) return success(action, `<Stacks>${description(stack)}</Stacks>`);
        const page = Number(request.get('NextToken') ?? 0);
        const more = page + 1 < this.stacks.length ? `<NextToken>${page + 1}</NextToken>` : '';
        const members = this.stacks.slice(page, page + 1).map(description);
        return success(action, `<Stacks>${members.join('')}</Stacks>${more}`);
      }
      case 'ListStackResources': {
        const members = (stack!.resources ?? []).map(
          (id) =>
            `<member><PhysicalResourceId>${escaped(id)}</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>`,
        );
        return success(action, `<StackResourceSummaries>${members.join('')}</StackResourceSummaries>`);
      }
      default:
        return failure(400, 'InvalidAction', `Unexpected action ${action}`);
    }
  }
}

function description({
  name,
  status = 'CREATE_COMPLETE',
  outputs = {},
  deployments = [],
  isProtected = false,
}: FakeStack): string {
  const described = [
    ...Object.entries(outputs).map(([key, value]) => [key, value, '']),
    ...deployments.map((marker, index) => [`Marker${index}`, JSON.stringify(marker), MARKER_DESCRIPTION]),
  ].map(
    ([key, value, text]) =>
      `<member><OutputKey>${key}</OutputKey><OutputValue>${escaped(value!)}</OutputValue><Description>${text}</Description></member>`,
  );
  return `<member><StackName>${name}</StackName><CreationTime>2026-11-01T00:00:00Z</CreationTime><StackStatus>${status}</StackStatus><EnableTerminationProtection>${isProtected}</EnableTerminationProtection><Outputs>${described.join('')}</Outputs></member>`;
}

const success = (action: string, result: string): [number, string] => [
  200,
  `<${action}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><${action}Result>${result}</${action}Result></${action}Response>`,
];

const failure = (status: number, code: string, message: string): [number, string] => [
  status,
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error></ErrorResponse>`,
];
