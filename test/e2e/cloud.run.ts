/**
 * The cloud on the desk with a switch for every outage, in a process of its own: oidc-provider does not load under jest.
 *
 * Takes its options as one JSON argument and prints `{"origin": "http://…", "dynamoDb": "http://…"}` when ready. Then each line of standard input
 * is a command, such as `fail dynamodb`, `mend idp` or `disable ada`, answered with `done`; the end of the input ends the process.
 * Standard error is the log of the functions.
 */
import { createInterface } from 'node:readline';
import { startCloud } from '../../local/cloud.ts';
import { FunctionPrincipals } from '../../local/principals.ts';
import type { CloudOptions } from './cloud.ts';

const options: CloudOptions & { folder: string; ownerKeyId: string } = JSON.parse(process.argv[2]!);
const say = (line: string) => void process.stderr.write(`${line}\n`);

// The owner of the account may do everything: a test reads the table, and moves time by what it writes there.
const { authorize } = FunctionPrincipals.prototype;
FunctionPrincipals.prototype.authorize = function (accessKeyId, request) {
  if (accessKeyId !== options.ownerKeyId) authorize.call(this, accessKeyId, request);
};

const cloud = await startCloud({
  ...options,
  port: 0,
  report: {
    progress: () => undefined,
    request: ({ method, path, status, error }) => say(`${method} ${path} ${status} ${error ?? ''}`),
    output: (functionName, line) => say(`${functionName}: ${line}`),
    reloaded: say,
  },
});
const switches = new Map(
  Object.entries({ dynamodb: cloud.dynamoDb.fail, kms: cloud.kms.fail, idp: cloud.identityProvider?.fail }),
);
console.log(JSON.stringify({ origin: cloud.origin, dynamoDb: cloud.dynamoDb.endpoint }));

for await (const line of createInterface(process.stdin)) {
  const [command, service = ''] = line.split(' ');
  if (command === 'disable') {
    cloud.identityProvider!.disable(service);
    console.log('done');
    continue;
  }
  const fail = switches.get(service);
  if (fail === undefined || (command !== 'fail' && command !== 'mend')) throw new Error(`No such command: ${line}`);
  fail(command === 'fail');
  console.log('done');
}
await cloud.close();
