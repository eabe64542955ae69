import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type FakeStack = { name: string; status?: string; outputs?: Record<string, string>; template?: string };

const escaped = (value: string) => value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** CloudFormation as far as its clients see it: the query protocol, and XML. One stack a page, so that pages are read. */
export class FakeCloudFormation {
  readonly endpoint: string;
  readonly #server: Server;
  stacks: FakeStack[] = [];
  /** Answers every request of the action with this error. */
  refused: Record<string, { status: number; code: string; message: string }> = {};
  readonly asked: URLSearchParams[] = [];

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

  #answer(asked: URLSearchParams): [status: number, body: string] {
    this.asked.push(asked);
    const action = asked.get('Action')!;
    const refused = this.refused[action];
    if (refused) return failure(refused.status, refused.code, refused.message);
    const name = asked.get('StackName');
    const stack = this.stacks.find((each) => each.name === name);
    if (name !== null && !stack) return failure(400, 'ValidationError', `Stack with id ${name} does not exist`);
    switch (action) {
      case 'ListStacks': {
        const wanted = [...asked].filter(([key]) => key.startsWith('StackStatusFilter.')).map(([, value]) => value);
        const listed = this.stacks.filter(({ status = 'CREATE_COMPLETE' }) => wanted.includes(status));
        const page = Number(asked.get('NextToken') ?? 0);
        const more = page + 1 < listed.length ? `<NextToken>${page + 1}</NextToken>` : '';
        const members = listed
          .slice(page, page + 1)
          .map(summary)
          .join('');
        return success(action, `<StackSummaries>${members}</StackSummaries>${more}`);
      }
      case 'DescribeStacks': {
        const outputs = Object.entries(stack!.outputs ?? {}).map(
          ([key, value]) =>
            `<member><OutputKey>${key}</OutputKey><OutputValue>${escaped(value)}</OutputValue></member>`,
        );
        const member = `<member><StackName>${name}</StackName><CreationTime>2026-11-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>${outputs.join('')}</Outputs></member>`;
        return success(action, `<Stacks>${member}</Stacks>`);
      }
      case 'GetTemplate':
        return success(action, `<TemplateBody>${escaped(stack!.template ?? '{"Resources":{}}')}</TemplateBody>`);
      default:
        return failure(400, 'InvalidAction', `Nobody asks for ${action} here`);
    }
  }
}

const summary = ({ name, status = 'CREATE_COMPLETE' }: FakeStack) =>
  `<member><StackName>${name}</StackName><CreationTime>2026-11-01T00:00:00Z</CreationTime><StackStatus>${status}</StackStatus></member>`;

const success = (action: string, result: string): [number, string] => [
  200,
  `<${action}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><${action}Result>${result}</${action}Result></${action}Response>`,
];

const failure = (status: number, code: string, message: string): [number, string] => [
  status,
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error></ErrorResponse>`,
];
