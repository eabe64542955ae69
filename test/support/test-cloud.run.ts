/**
 * The local emulator with a switch for every outage, in a process of its own: oidc-provider does not load under jest.
 *
 * Takes its options as one JSON argument and prints `{"origin": "http://…", "dynamoDb": "http://…"}` when ready. Then each line of standard input
 * is a command, such as `fail dynamodb`, `mend idp`, `disable ada`, `deliver twice` (and `deliver once`, Lambda's events) or
 * `kill Mcp12345678 3` (execution environments that are busy) or `count` (requests since the last one, by service and
 * operation) or `schedules` (runs them now), answered with `done`; the end of the input ends the process.
 * Standard error is the log of the functions.
 */
import { createInterface } from 'node:readline';
import { startEmulator } from '../../local/emulator.ts';
import { FunctionPrincipals } from '../../local/iam/principals.ts';
import type { CloudOptions } from './test-cloud.ts';

const options: CloudOptions & { folder: string; ownerKeyId: string } = JSON.parse(process.argv[2]!);
const say = (line: string) => void process.stderr.write(`${line}\n`);

// The owner of the account may do everything: a test reads the table, and moves time by what it writes there.
const { authorize } = FunctionPrincipals.prototype;
FunctionPrincipals.prototype.authorize = function (accessKeyId, request) {
  if (accessKeyId !== options.ownerKeyId) authorize.call(this, accessKeyId, request);
};

const cloud = await startEmulator({
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
  Object.entries({
    dynamodb: cloud.dynamoDb.fail,
    kms: cloud.kms.fail,
    lambda: cloud.lambda.fail,
    idp: cloud.identityProvider?.fail,
  }),
);
console.log(JSON.stringify({ origin: cloud.origin, dynamoDb: cloud.dynamoDb.endpoint }));

/** @returns what there is to say of it besides `done` */
async function perform(command: string, argument: string, count: string | undefined): Promise<unknown> {
  switch (command) {
    case 'fail':
    case 'mend':
      return switches.get(argument)!(command === 'fail');
    case 'disable':
      return cloud.identityProvider!.disable(argument);
    case 'deliver':
      return cloud.lambda.deliverTwice(argument === 'twice');
    case 'kill':
      return cloud.functions.kill(argument, Number(count));
    case 'schedules':
      return cloud.schedules.runNow();
    case 'count':
      return JSON.stringify({ dynamodb: cloud.dynamoDb.count(), kms: cloud.kms.count() });
    default:
      throw new Error(`No such command: ${command}`);
  }
}

for await (const line of createInterface(process.stdin)) {
  const [command = '', argument = '', count] = line.split(' ');
  const outcome = await perform(command, argument, count);
  console.log(outcome === undefined ? 'done' : `done ${outcome}`);
}
await cloud.close();
