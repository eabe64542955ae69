/**
 * The local emulator in a separate process: it does not share CPU time with its client, and oidc-provider does not load
 * under jest.
 *
 * The one argument is `EmulatorProcessOptions` as JSON. Prints `{"origin": "http://…", "dynamoDb": "http://…"}` when it is
 * ready, and then answers each line of standard input, a command as JSON, by a line: `{"result": …}` or `{"error": "…"}`.
 * It ends with standard input. Standard error has the log of the gateway and of the functions.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startEmulator } from '../../local/emulator.ts';
import type { Statement } from '../../local/iam/iam-policy.ts';
import { FunctionPrincipals, type Principal } from '../../local/iam/principals.ts';
import type { Intercept } from '../../local/request-interception.ts';
import type { Command, EmulatorProcessOptions } from './emulator-process.ts';
import { FaultInjector, type Service } from './fault-injection.ts';

const options: EmulatorProcessOptions & { folder: string; operatorKeyId: string } = JSON.parse(process.argv[2]!);
const log = (line: string) => void process.stderr.write(`${line}\n`);

/** The principals of the functions, whose permissions a command may replace. */
const roles: Principal[] = [];

const faults = new FaultInjector({ kill: (logicalId, count) => emulator.functions.kill(logicalId, count) });

// The operator of the account may do everything: a test reads the table, and moves time by what it writes there.
const { add, authorize } = FunctionPrincipals.prototype;
FunctionPrincipals.prototype.add = function (accessKeyId, principal) {
  add.call(this, accessKeyId, principal);
  roles.push(principal);
  faults.add(accessKeyId, principal);
};
FunctionPrincipals.prototype.authorize = function (accessKeyId, request) {
  if (accessKeyId !== options.operatorKeyId) authorize.call(this, accessKeyId, request);
};

const emulator = await startEmulator({
  port: 0,
  // The test's own, in place of that of the project.
  environmentFile: join(options.folder, '.env'),
  ...options,
  report: {
    progress: () => undefined,
    request: ({ method, path, status, error }) => log(`${method} ${path} ${status} ${error ?? ''}`),
    call: () => undefined,
    output: (functionName, line) => log(`${functionName}: ${line}`),
    warning: log,
    rebuilding: () => undefined,
    reloaded: log,
  },
});
// Only the command runs the schedules, so that they cause no request between those of a test or of a measurement.
emulator.schedules.close();
const outages = {
  dynamodb: emulator.dynamoDb.fail,
  kms: emulator.kms.fail,
  lambda: emulator.lambda.fail,
  idp: (fails: boolean) => emulator.identityProvider?.fail(fails),
};
const services: Record<Service, { intercept(by: Intercept): void } | undefined> = {
  dynamodb: emulator.dynamoDb,
  kms: emulator.kms,
  lambda: emulator.lambda,
  idp: emulator.identityProvider,
};
/** From the first command about faults on: other runs do not describe every request. */
function intercept(): void {
  for (const [name, service] of Object.entries(services)) service?.intercept(faults.interceptor(name as Service));
}
console.log(JSON.stringify({ origin: emulator.origin, dynamoDb: emulator.dynamoDb.endpoint }));

async function perform(command: Command): Promise<unknown> {
  switch (command.name) {
    case 'fail':
      return outages[command.service](command.fails);
    case 'disable':
      return emulator.identityProvider!.disable(command.username);
    case 'deliverTwice':
      return emulator.lambda.deliverTwice(command.twice);
    case 'readLeadingKeys':
      return emulator.dynamoDb.readLeadingKeys(command.reading);
    case 'kill':
      return emulator.functions.kill(command.logicalId, command.count);
    case 'recycle':
      return emulator.functions.recycle();
    case 'invalidate':
      return emulator.invalidate();
    case 'runSchedules':
      return emulator.schedules.runNow();
    case 'count':
      return { dynamodb: emulator.dynamoDb.count(), kms: emulator.kms.count() };
    case 'record':
      intercept();
      return faults.record();
    case 'recorded':
      return faults.recorded();
    case 'arm':
      intercept();
      return faults.arm(command.fault);
    case 'disarm':
      return faults.disarm();
    case 'settled':
      return faults.settled();
    case 'statements':
      return roleOf(command.construct).statements;
    case 'setStatements':
      for (const role of rolesOf(command.construct)) role.statements = command.statements as Statement[];
      return;
    case 'deploy':
      // Assets are named by their content: those of the running template stay.
      cpSync(command.assembly, options.assembly, { recursive: true });
      return emulator.redeploy();
  }
}

/** The functions are named by stack and logical id. */
const rolesOf = (construct: string) =>
  roles.filter(({ functionName }) => functionName.includes(`-${construct}Function`));

function roleOf(construct: string): Principal {
  const role = rolesOf(construct).at(-1);
  if (role === undefined) throw new Error(`The template has no function ${construct}`);
  return role;
}

for await (const line of createInterface(process.stdin)) {
  try {
    console.log(JSON.stringify({ result: await perform(JSON.parse(line)) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String((error as Error).stack) }));
  }
}
await emulator.close();
